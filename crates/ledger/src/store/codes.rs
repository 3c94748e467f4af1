//! How values are kept in columns: numbers for actions and rules, `timestamptz` for times, columns for answers.

use domain::account::Rule;
use domain::commit::{Action, Answer};
use sha2::{Digest, Sha256};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use types::{Kind, ObjectId, Timestamp};
use uuid::Uuid;

/// A row that this program could not have written.
#[derive(Debug, thiserror::Error)]
#[error("the store holds {what} that is not known: {value}")]
pub(crate) struct Unknown {
    what: &'static str,
    value: String,
}

pub(crate) fn unknown(what: &'static str, value: impl ToString) -> Unknown {
    Unknown { what, value: value.to_string() }
}

pub(crate) const POST: i16 = 1;
pub(crate) const HOLD: i16 = 2;
pub(crate) const POST_HOLD: i16 = 3;
pub(crate) const VOID_HOLD: i16 = 4;

/// The columns `action`, `hold` and `last`. Voiding a hold closes it, like posting the last of it.
pub(crate) fn action_columns(action: Action) -> (i16, Option<Uuid>, bool) {
    match action {
        Action::Post => (POST, None, false),
        Action::Hold => (HOLD, None, false),
        Action::PostHold { hold, last } => (POST_HOLD, Some(hold), last),
        Action::VoidHold { hold } => (VOID_HOLD, Some(hold), true),
    }
}

pub(crate) fn action((code, hold, last): (i16, Option<Uuid>, bool)) -> Result<Action, Unknown> {
    match (code, hold) {
        (POST, None) => Ok(Action::Post),
        (HOLD, None) => Ok(Action::Hold),
        (POST_HOLD, Some(hold)) => Ok(Action::PostHold { hold, last }),
        (VOID_HOLD, Some(hold)) => Ok(Action::VoidHold { hold }),
        _ => Err(unknown("an action", code)),
    }
}

pub(crate) fn rule_code(rule: Rule) -> i16 {
    match rule {
        Rule::Unlimited => 0,
        Rule::CreditsCoverDebits => 1,
        Rule::DebitsCoverCredits => 2,
    }
}

pub(crate) fn rule(code: i16) -> Result<Rule, Unknown> {
    match code {
        0 => Ok(Rule::Unlimited),
        1 => Ok(Rule::CreditsCoverDebits),
        2 => Ok(Rule::DebitsCoverCredits),
        _ => Err(unknown("an account rule", code)),
    }
}

pub(crate) fn object_id(kind: i16, value: Uuid) -> Result<ObjectId, Unknown> {
    let kind = Kind::from_code(kind).ok_or_else(|| unknown("a kind", kind))?;
    Ok(ObjectId::from_value(kind, value))
}

/// What an idempotency key is found by.
pub(crate) fn key_id(tenant: i32, key: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::new().chain_update(tenant.to_be_bytes()).chain_update(key).finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(half)
}

/// The columns `status`, `object_kind`, `object`, `version` and `body` of an idempotency key.
pub(crate) struct AnswerColumns<'a> {
    pub status: Option<i16>,
    pub object: Option<ObjectId>,
    pub version: Option<i32>,
    pub body: Option<&'a str>,
}

pub(crate) fn answer_columns(answer: &Answer) -> AnswerColumns<'_> {
    // A status has three digits; `validate` has seen to it.
    let column = |status: u16| i16::try_from(status).ok();
    match answer {
        Answer::Running => AnswerColumns { status: None, object: None, version: None, body: None },
        Answer::Object { status, id, version } => {
            AnswerColumns { status: column(*status), object: Some(*id), version: Some(*version), body: None }
        }
        Answer::Body { status, body } => {
            AnswerColumns { status: column(*status), object: None, version: None, body: Some(body) }
        }
    }
}

pub(crate) fn answer(
    status: Option<i16>,
    object: Option<ObjectId>,
    version: Option<i32>,
    body: Option<String>,
) -> Result<Answer, Unknown> {
    let Some(code) = status else { return Ok(Answer::Running) };
    let status = u16::try_from(code).map_err(|_| unknown("an HTTP status", code))?;
    match (object, version, body) {
        (Some(id), Some(version), None) => Ok(Answer::Object { status, id, version }),
        (None, None, Some(body)) => Ok(Answer::Body { status, body }),
        _ => Err(unknown("an answer", code)),
    }
}

/// Terms are kept apart by tenant, so that one cannot make another's searches slow.
fn term_offset(tenant: i32) -> i64 {
    i64::from(tenant).wrapping_mul(0x2545_f491_4f6c_dd1d)
}

pub(crate) fn to_sql_term(tenant: i32, term: i64) -> i64 {
    term.wrapping_add(term_offset(tenant))
}

/// As a text of an array, for the reason that [`types_text`] has.
pub(crate) fn terms_text(tenant: i32, terms: &[i64]) -> Option<String> {
    let shown: Vec<String> = terms.iter().map(|term| to_sql_term(tenant, *term).to_string()).collect();
    (!shown.is_empty()).then(|| format!("{{{}}}", shown.join(",")))
}

pub(crate) fn from_sql_terms(tenant: i32, terms: Option<Vec<i64>>) -> Vec<i64> {
    let original = |term: i64| term.wrapping_sub(term_offset(tenant));
    terms.unwrap_or_default().into_iter().map(original).collect()
}

/// A public type as the log's index has it: apart by tenant too.
pub(crate) fn to_sql_type(tenant: i32, event_type: &str) -> String {
    format!("{tenant}/{event_type}")
}

/// The types of a commit, each once, in one text: there are no arrays of arrays of different lengths.
pub(crate) fn types_text<'a>(tenant: i32, types: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut told: Vec<&str> = Vec::new();
    for event_type in types {
        if !told.contains(&event_type) {
            told.push(event_type);
        }
    }
    let shown: Vec<String> = told.into_iter().map(|event_type| to_sql_type(tenant, event_type)).collect();
    (!shown.is_empty()).then(|| shown.join(","))
}

/// For a `timestamptz`. Times that PostgreSQL could not show are moved to the nearest that it can.
pub(crate) fn to_sql_time(time: Timestamp) -> SystemTime {
    const LATEST: i64 = 253_402_300_799_999;
    let millis = time.millis().clamp(-LATEST, LATEST);
    let distance = Duration::from_millis(millis.unsigned_abs());
    if millis < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}

/// From a `timestamptz`, rounded down to milliseconds.
pub(crate) fn from_sql_time(time: SystemTime) -> Timestamp {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(match time.duration_since(UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => -millis(before.duration()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_from_their_columns() {
        let hold = Uuid::from_u128(7);
        for value in [Action::Post, Action::Hold, Action::PostHold { hold, last: true }, Action::VoidHold { hold }] {
            assert_eq!(action(action_columns(value)).unwrap(), value);
        }
        for value in [Rule::Unlimited, Rule::CreditsCoverDebits, Rule::DebitsCoverCredits] {
            assert_eq!(rule(rule_code(value)).unwrap(), value);
        }
        for millis in [-1, 0, 1, 1_795_219_200_123, 253_402_300_799_999] {
            let time = Timestamp::from_millis(millis);
            assert_eq!(from_sql_time(to_sql_time(time)), time);
        }
        let terms = vec![1, -5, i64::MAX];
        let stored = terms.iter().map(|term| to_sql_term(7, *term)).collect();
        assert_eq!(from_sql_terms(7, Some(stored)), terms);
        assert!(action((POST, Some(hold), false)).is_err());
        assert!(rule(9).is_err());
    }
}
