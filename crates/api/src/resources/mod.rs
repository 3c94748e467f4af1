//! The resources, a file each. This list is all that knows of them all.

pub mod account;
pub mod attempts;
pub mod balance;
pub mod balance_transactions;
pub mod charges;
pub mod customers;
pub mod events;
pub mod party;
pub mod payment_intents;
pub mod payment_methods;
pub mod refunds;
pub mod setup_intents;

use crate::registry::Registry;

/// Every resource with its operations.
pub fn registry() -> Registry {
    let mut registry = Registry::default();
    for register in [
        account::register,
        attempts::register,
        balance::register,
        balance_transactions::register,
        charges::register,
        customers::register,
        events::register,
        payment_intents::register,
        payment_methods::register,
        refunds::register,
        setup_intents::register,
    ] {
        register(&mut registry);
    }
    registry
}
