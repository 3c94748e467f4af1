//! The chart of accounts, and what a tenant sees of its books: balance, and balance transactions.

pub mod balance;
pub mod balance_transaction;
pub mod chart;
pub mod fees;
