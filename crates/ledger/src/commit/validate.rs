//! Checks that a commit does not contradict itself; what is stored does not matter here. The caller's own task does
//! this, before the queue.

use contracts::ledger::CommitError;
use domain::commit::{Action, Answer, Commit, ObjectWrite, Transfer, Version};
use std::collections::HashMap;
use types::{Kind, ObjectId, Timestamp};

/// From 1970-01-01 to 9999-12-31 in milliseconds: PostgreSQL can show each of these times.
const TIMES: std::ops::Range<i64> = 0..253_402_300_800_000;

pub(crate) fn out_of_range(what: &str) -> CommitError {
    CommitError::Invalid(format!("{what} is out of range"))
}

fn invalid(text: String) -> CommitError {
    CommitError::Invalid(text)
}

/// Rejects a commit that contradicts itself.
pub(crate) fn validate(commit: &Commit) -> Result<(), CommitError> {
    check_time("the time of the commit", commit.at)?;
    if commit.entries.is_empty() {
        if !commit.objects.is_empty() || !commit.transfers.is_empty() {
            return Err(invalid("objects and transfers need a log entry".to_owned()));
        }
        if commit.idempotency.is_none() {
            return Err(invalid("it is empty".to_owned()));
        }
    }
    check_entries(commit)?;
    if i16::try_from(commit.transfers.len()).is_err() || i16::try_from(commit.entries.len()).is_err() {
        return Err(out_of_range("the number of transfers or log entries"));
    }
    commit.transfers.iter().try_for_each(check_transfer)?;
    match commit.idempotency.as_ref().map(|write| &write.answer) {
        Some(Answer::Object { status, .. } | Answer::Body { status, .. }) if *status > 999 => {
            Err(out_of_range("the HTTP status"))
        }
        _ => Ok(()),
    }
}

/// Each object is written once, and its log entries lead from the version that the commit replaces to the new one.
fn check_entries(commit: &Commit) -> Result<(), CommitError> {
    let mut reached: HashMap<ObjectId, Version> = HashMap::with_capacity(commit.objects.len());
    for write in &commit.objects {
        check_object(write)?;
        if reached.insert(write.id, write.base).is_some() {
            return Err(invalid(format!("{} is written twice", write.id)));
        }
    }
    for (id, version) in &commit.relies_on {
        if *version < 1 {
            return Err(invalid(format!("it relies on version {version} of {id}")));
        }
    }
    for entry in &commit.entries {
        let Some(version) = reached.get_mut(&entry.object) else {
            return Err(invalid(format!("a log entry of {}, which is not written", entry.object)));
        };
        if version.checked_add(1) != Some(entry.version) {
            return Err(invalid(format!("version {} of {} does not follow {version}", entry.version, entry.object)));
        }
        *version = entry.version;
        check_json(&entry.change, entry.object)?;
        if entry
            .event_type
            .is_some_and(|name| !name.bytes().all(|byte| byte.is_ascii_lowercase() || b"._".contains(&byte)))
        {
            return Err(invalid(format!("{:?} is not an event type", entry.event_type)));
        }
    }
    let first = |write: &ObjectWrite| commit.entries.iter().find(|entry| entry.object == write.id);
    for write in &commit.objects {
        if write.version == 1 && first(write).is_some_and(|entry| entry.change != write.state) {
            return Err(invalid(format!("the state of {} is not that of its first log entry", write.id)));
        }
        let last = reached.get(&write.id).copied().unwrap_or(write.base);
        if last != write.version || write.version <= write.base {
            return Err(invalid(format!(
                "{} is at version {last} by its log entries, not {}",
                write.id, write.version
            )));
        }
    }
    Ok(())
}

fn check_object(write: &ObjectWrite) -> Result<(), CommitError> {
    if write.base < 0 {
        return Err(out_of_range("the version that is replaced"));
    }
    if let Some(customer) = write.index.customer.filter(|customer| customer.kind != Kind::Customer) {
        return Err(invalid(format!("{customer} is not the id of a customer")));
    }
    if let Some(due) = write.index.due {
        check_time("the time an object is due", due)?;
    }
    check_json(&write.state, write.id)
}

fn check_transfer(transfer: &Transfer) -> Result<(), CommitError> {
    let (debit, credit) = (&transfer.debit, &transfer.credit);
    let allowed = match transfer.action {
        Action::VoidHold { .. } => transfer.amount == 0,
        _ => transfer.amount > 0,
    };
    if !allowed {
        return Err(invalid(format!("transfer {} has the amount {}", transfer.id, transfer.amount)));
    }
    if debit.code == credit.code {
        return Err(invalid(format!("transfer {} is from {} to itself", transfer.id, debit.code)));
    }
    if debit.currency != credit.currency {
        return Err(invalid(format!("transfer {} is in {} and {}", transfer.id, debit.currency, credit.currency)));
    }
    Ok(())
}

fn check_time(what: &str, time: Timestamp) -> Result<(), CommitError> {
    if TIMES.contains(&time.millis()) { Ok(()) } else { Err(out_of_range(what)) }
}

/// Rejects JSON with a NUL character. PostgreSQL stores the JSON as text and fails only when it reads the character, so
/// one such object would break every search that reads it.
fn check_json(text: &str, id: ObjectId) -> Result<(), CommitError> {
    for (at, _) in text.match_indices("\\u0000") {
        let escaping = text.as_bytes()[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        if escaping % 2 == 0 {
            return Err(invalid(format!("the JSON of {id} has a NUL character")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_nul_characters_but_not_escaped_backslashes() {
        let id = ObjectId::from_value(Kind::Customer, uuid::Uuid::nil());
        assert!(check_json(r#"{"a":"x\u0000"}"#, id).is_err());
        assert!(check_json(r#"{"a":"\\\u0000"}"#, id).is_err());
        assert!(check_json(r#"{"a":"\\u0000"}"#, id).is_ok());
        assert!(check_json(r#"{"a":"\u0001"}"#, id).is_ok());
    }
}
