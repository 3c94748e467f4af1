//! The log entries of one commit, as the bytes that are stored.

use crate::chain::{self, Hash, Moved};
use domain::commit::{Commit, Version};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::Write;
use types::ObjectId;

/// One entry, as it is written: `{"object": …, "version": …, "type": …, "change": …}`.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry<'a> {
    pub object: ObjectId,
    pub version: Version,
    #[serde(rename = "type", borrow, default)]
    pub event_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub change: &'a RawValue,
}

/// The same without its change, whose place has to be known.
#[derive(Serialize)]
struct Head<'a> {
    object: ObjectId,
    version: Version,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    event_type: Option<&'a str>,
}

/// A commit's entries, ready to be stored.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub json: Vec<u8>,
    /// Of each entry, where its change begins (counted from 1, as SQL does) and how long it is.
    pub places: Vec<(i32, i32)>,
    /// Of all that the commit writes into the log and the transfers.
    pub digest: Hash,
}

/// `None` if it is too much for one row.
pub(crate) fn encode(commit: &Commit) -> Option<Encoded> {
    let changes: usize = commit.entries.iter().map(|event| event.change.len() + 128).sum();
    let mut json = Vec::with_capacity(changes);
    json.push(b'[');
    let mut places = Vec::with_capacity(commit.entries.len());
    for event in &commit.entries {
        if !places.is_empty() {
            json.push(b',');
        }
        let head = Head { object: event.object, version: event.version, event_type: event.event_type };
        serde_json::to_writer(&mut json, &head).ok()?;
        // In place of the brace that closes the head.
        json.pop();
        json.write_all(b",\"change\":").ok()?;
        places.push((i32::try_from(json.len() + 1).ok()?, i32::try_from(event.change.len()).ok()?));
        json.write_all(event.change.as_bytes()).ok()?;
        json.push(b'}');
    }
    json.push(b']');
    i32::try_from(json.len()).ok()?;
    let transfers = commit.transfers.iter().map(Moved::from);
    let digest = chain::digest(commit.request.as_ref(), &json, transfers);
    Some(Encoded { json, places, digest })
}

pub(crate) fn decode(json: &[u8]) -> Result<Vec<Entry<'_>>, serde_json::Error> {
    serde_json::from_slice(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::commit::EntryWrite;
    use types::Kind;
    use uuid::Uuid;

    #[test]
    fn entries_come_back_and_changes_are_where_it_was_said() {
        let object = ObjectId::from_value(Kind::Charge, Uuid::from_u128(7));
        let event =
            |version, event_type, change: &str| EntryWrite { object, version, event_type, change: change.to_owned() };
        let events = vec![event(1, Some("charge.succeeded"), r#"{"a":"ä\"]"}"#), event(2, None, "{}")];
        let commit = Commit { entries: events, ..Commit::default() };
        let encoded = encode(&commit).unwrap();
        let decoded = decode(&encoded.json).unwrap();
        assert_eq!(decoded.len(), 2);
        for ((entry, event), (start, length)) in decoded.iter().zip(&commit.entries).zip(&encoded.places) {
            assert_eq!((entry.object, entry.version), (event.object, event.version));
            assert_eq!(entry.event_type.as_deref(), event.event_type);
            assert_eq!(entry.change.get(), event.change);
            let start = *start as usize - 1;
            assert_eq!(&encoded.json[start..start + *length as usize], event.change.as_bytes());
        }
    }
}
