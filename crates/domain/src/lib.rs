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
pub use object::{Column, Object, Versioned};

use types::Kind;

/// Every kind of object with the columns of its SQL view.
pub const COLUMNS: &[(Kind, &[Column])] = &[
    columns::<customer::Customer>(),
    columns::<payment_method::PaymentMethod>(),
    columns::<payment_intent::PaymentIntent>(),
    columns::<setup_intent::SetupIntent>(),
    columns::<charge::Charge>(),
    columns::<refund::Refund>(),
    columns::<balance_transaction::BalanceTransaction>(),
    columns::<attempt::Attempt>(),
    columns::<balance::Snapshot>(),
];

const fn columns<T: Object>() -> (Kind, &'static [Column]) {
    (T::KIND, T::COLUMNS)
}
