//! Taking payments: customers, payment methods, intents, charges, refunds. The attempts crate is entered into the registry
//! before this area.

mod charge_attempts;
mod contact;
mod customer_lookup;
mod intent;
mod locale;
mod statement;

api::area! {
    mod charges;
    mod customers;
    mod payment_intents;
    mod payment_methods;
    mod refunds;
    mod setup_attempts;
    mod setup_intents;
}
