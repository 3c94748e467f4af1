//! Taking payments: customers, payment methods, intents, charges, refunds. A resource each; every resource enters
//! itself.

mod charge_attempts;
mod charges;
mod contact;
mod customer_lookup;
mod customers;
mod intent;
mod payment_intents;
mod payment_methods;
mod refunds;
mod setup_intents;
mod statement;

use api::Registry;

/// Enters the area's resources. Attempts are entered before.
pub fn register(registry: &mut Registry) {
    for register in [
        charges::register,
        customers::register,
        payment_intents::register,
        payment_methods::register,
        refunds::register,
        setup_intents::register,
    ] {
        register(registry);
    }
}
