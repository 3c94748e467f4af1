//! The ledger on PostgreSQL keeps the contract.

mod support;

testkit::contract_suite!(support::subject);
