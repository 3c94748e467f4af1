//! Taking payments: customers, payment methods, intents, charges, refunds.

pub mod amount;
pub mod charge;
mod charge_target;
pub mod customer;
pub mod intent;
pub mod payment_intent;
pub mod payment_method;
pub mod refund;
pub mod setup_attempt;
pub mod setup_intent;

pub use charge_target::PaidIntent;
