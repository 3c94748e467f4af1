//! What a tenant sees of itself: account, balance, balance transactions, events. A resource each; every resource enters
//! itself.

mod account;
mod balance;
mod balance_transactions;
mod events;

use api::Registry;

/// Enters the area's resources.
pub fn register(registry: &mut Registry) {
    for register in [account::register, balance::register, balance_transactions::register, events::register] {
        register(registry);
    }
}
