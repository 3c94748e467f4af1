//! What a tenant sees of itself: account, balance, balance transactions, events.

api::area! {
    mod account;
    mod balance;
    mod balance_transactions;
    mod events;
}
