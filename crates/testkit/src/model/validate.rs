//! The rules for commits that do not depend on the books.

use contracts::ledger::CommitError;
use domain::commit::{Action, Commit, Version};
use serde_json::Value;
use types::Kind;

pub(super) fn invalid<T>(why: &str) -> Result<T, CommitError> {
    Err(CommitError::Invalid(why.to_owned()))
}

/// Rejects a commit that contradicts itself.
pub(super) fn check(commit: &Commit) -> Result<(), CommitError> {
    let unlogged = commit.entries.is_empty();
    if unlogged && (!commit.objects.is_empty() || !commit.transfers.is_empty()) {
        return invalid("objects and transfers need a log entry");
    }
    if unlogged && commit.idempotency.is_none() {
        return invalid("it is empty");
    }
    for (at, write) in commit.objects.iter().enumerate() {
        let versions: Vec<Version> =
            commit.entries.iter().filter(|entry| entry.object == write.id).map(|entry| entry.version).collect();
        let expected: Vec<Version> = (write.base + 1..=write.version).collect();
        let first = commit.entries.iter().find(|entry| entry.object == write.id);
        if write.version == 1 && first.is_some_and(|entry| entry.change != write.state) {
            return invalid("the first state is not that of the log entry");
        }
        if write.base < 0 || versions.is_empty() || versions != expected {
            return invalid("the versions are not those of the log entries");
        }
        if commit.objects[..at].iter().any(|other| other.id == write.id) {
            return invalid("an object is written twice");
        }
        if write.index.customer.is_some_and(|customer| customer.kind != Kind::Customer) {
            return invalid("the customer is not a customer");
        }
    }
    for (_, version) in &commit.relies_on {
        if *version < 1 {
            return invalid("it relies on nothing");
        }
    }
    for entry in &commit.entries {
        if !commit.objects.iter().any(|write| write.id == entry.object) {
            return invalid("a log entry of an object that is not written");
        }
    }
    let states = commit.objects.iter().map(|write| &write.state);
    for text in states.chain(commit.entries.iter().map(|entry| &entry.change)) {
        match serde_json::from_str::<Value>(text) {
            Ok(value) if !holds_nul(&value) => {}
            _ => return invalid("it is not JSON that can be stored"),
        }
    }
    for transfer in &commit.transfers {
        let voids = matches!(transfer.action, Action::VoidHold { .. });
        if (voids && transfer.amount != 0) || (!voids && transfer.amount <= 0) {
            return invalid("the amount");
        }
        if transfer.debit.code == transfer.credit.code || transfer.debit.currency != transfer.credit.currency {
            return invalid("the accounts");
        }
    }
    Ok(())
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        _ => false,
    }
}
