//! Objects and state machines, pure: no IO, no clock, no randomness of their own.

pub mod account;
pub mod attempt;
pub mod balance;
pub mod balance_transaction;
pub mod books;
pub mod changes;
pub mod charge;
pub mod commit;
pub mod customer;
pub mod object;
pub mod party;
pub mod patch;
pub mod payment_intent;
pub mod payment_method;
pub mod policy;
pub mod refund;
pub mod refusal;
pub mod settle;
pub mod setup_intent;
mod words;

pub use changes::Changes;
pub use commit::{Commit, Version};
pub use object::{Object, SqlView, Versioned};
