//! How values are kept in columns: numbers for actions and rules, several columns for an answer, texts for arrays.

use domain::account::Rule;
use domain::commit::{Action, Answer};
use sha2::{Digest, Sha256};
use types::{Kind, ObjectId};
use uuid::Uuid;

/// A value in a row that this program could not have written.
#[derive(Debug, thiserror::Error)]
#[error("the store holds {what} that is not known: {value}")]
pub(crate) struct UnknownValue {
    what: &'static str,
    value: String,
}

fn unknown(what: &'static str, value: impl ToString) -> UnknownValue {
    UnknownValue { what, value: value.to_string() }
}

const POST: i16 = 1;
const HOLD: i16 = 2;
const POST_HOLD: i16 = 3;
const VOID_HOLD: i16 = 4;

/// The columns `action`, `hold` and `last`. Voiding a hold closes it, like posting the last of it.
pub(crate) fn action_columns(action: Action) -> (i16, Option<Uuid>, bool) {
    match action {
        Action::Post => (POST, None, false),
        Action::Hold => (HOLD, None, false),
        Action::PostHold { hold, last } => (POST_HOLD, Some(hold), last),
        Action::VoidHold { hold } => (VOID_HOLD, Some(hold), true),
    }
}

/// The action that these columns stand for. Strict: no two values of the columns stand for the same action.
pub(crate) fn action((code, hold, last): (i16, Option<Uuid>, bool)) -> Result<Action, UnknownValue> {
    match (code, hold, last) {
        (POST, None, false) => Ok(Action::Post),
        (HOLD, None, false) => Ok(Action::Hold),
        (POST_HOLD, Some(hold), last) => Ok(Action::PostHold { hold, last }),
        (VOID_HOLD, Some(hold), true) => Ok(Action::VoidHold { hold }),
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

pub(crate) fn rule(code: i16) -> Result<Rule, UnknownValue> {
    match code {
        0 => Ok(Rule::Unlimited),
        1 => Ok(Rule::CreditsCoverDebits),
        2 => Ok(Rule::DebitsCoverCredits),
        _ => Err(unknown("an account rule", code)),
    }
}

pub(crate) fn object_id(kind: i16, value: Uuid) -> Result<ObjectId, UnknownValue> {
    let kind = Kind::from_code(kind).ok_or_else(|| unknown("a kind", kind))?;
    Ok(ObjectId::from_value(kind, value))
}

/// The column `id` of an idempotency key, by which it is found: half of a SHA-256.
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
    // `commit::validate` allows at most three digits.
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
) -> Result<Answer, UnknownValue> {
    let Some(code) = status else { return Ok(Answer::Running) };
    let status = u16::try_from(code).map_err(|_| unknown("an HTTP status", code))?;
    match (object, version, body) {
        (Some(id), Some(version), None) => Ok(Answer::Object { status, id, version }),
        (None, None, Some(body)) => Ok(Answer::Body { status, body }),
        _ => Err(unknown("an answer", code)),
    }
}

/// What is added to the terms of a tenant. It keeps the terms of tenants apart in the index, so that one tenant cannot
/// make the searches of another slow.
fn term_offset(tenant: i32) -> i64 {
    i64::from(tenant).wrapping_mul(0x2545_f491_4f6c_dd1d)
}

pub(crate) fn to_sql_term(tenant: i32, term: i64) -> i64 {
    term.wrapping_add(term_offset(tenant))
}

/// The terms as the text of an array; `None` without terms. A text, because the terms of many objects arrive as one
/// array, and an array of arrays of different lengths is not possible.
pub(crate) fn terms_text(tenant: i32, terms: &[i64]) -> Option<String> {
    let shown: Vec<String> = terms.iter().map(|term| to_sql_term(tenant, *term).to_string()).collect();
    (!shown.is_empty()).then(|| format!("{{{}}}", shown.join(",")))
}

pub(crate) fn from_sql_terms(tenant: i32, terms: Option<Vec<i64>>) -> Vec<i64> {
    let original = |term: i64| term.wrapping_sub(term_offset(tenant));
    terms.unwrap_or_default().into_iter().map(original).collect()
}

/// A public type as it is in the column `types` of the log, where tenants are kept apart too.
pub(crate) fn to_sql_type(tenant: i32, event_type: &str) -> String {
    format!("{tenant}/{event_type}")
}

/// The public type that is in the column so; what is of no tenant is returned as it is.
pub(crate) fn from_sql_type(stored: &str) -> &str {
    stored.split_once('/').map_or(stored, |(_, event_type)| event_type)
}

/// The public types of a commit, each once, separated by commas; `None` without any. A text for the same reason as in
/// [`terms_text`].
pub(crate) fn types_text<'a>(tenant: i32, types: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut distinct: Vec<&str> = Vec::new();
    for event_type in types {
        if !distinct.contains(&event_type) {
            distinct.push(event_type);
        }
    }
    let shown: Vec<String> = distinct.into_iter().map(|event_type| to_sql_type(tenant, event_type)).collect();
    (!shown.is_empty()).then(|| shown.join(","))
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
        let terms = vec![1, -5, i64::MAX];
        let stored = terms.iter().map(|term| to_sql_term(7, *term)).collect();
        assert_eq!(from_sql_terms(7, Some(stored)), terms);
        assert_eq!(from_sql_type(&to_sql_type(7, "charge.succeeded")), "charge.succeeded");
        for other in [(POST, Some(hold), false), (POST, None, true), (HOLD, None, true), (VOID_HOLD, Some(hold), false)]
        {
            assert!(action(other).is_err(), "{other:?}");
        }
        assert!(rule(9).is_err());
    }
}
