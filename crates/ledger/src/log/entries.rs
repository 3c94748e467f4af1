//! The log entries of one commit, as the bytes that are stored.

use super::hash::{self, Hash, HashedTransfer};
use domain::commit::{Commit, Version};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::Write;
use types::ObjectId;

/// One entry as it is stored: `{"object": …, "version": …, "type": …, "change": …}`.
#[derive(Debug, Deserialize)]
pub(crate) struct StoredEntry<'a> {
    pub object: ObjectId,
    pub version: Version,
    #[serde(rename = "type", borrow, default)]
    pub event_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub change: &'a RawValue,
}

/// What comes before the change. It is printed by itself because the place of the change has to be known.
#[derive(Serialize)]
struct BeforeChange<'a> {
    object: ObjectId,
    version: Version,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    event_type: Option<&'a str>,
}

/// A commit's log entries, ready to be stored.
#[derive(Debug)]
pub(crate) struct EncodedEntries {
    pub json: Vec<u8>,
    /// For each entry, where its change begins (counted from 1, as SQL does) and how many bytes it has.
    pub places: Vec<(i32, i32)>,
    /// The hash of all that the commit writes into the log and the transfers.
    pub digest: Hash,
}

/// Encodes the entries of a commit; `None` if they are too large for one row.
pub(crate) fn encode(commit: &Commit) -> Option<EncodedEntries> {
    let changes: usize = commit.entries.iter().map(|entry| entry.change.len() + 128).sum();
    let mut json = Vec::with_capacity(changes);
    json.push(b'[');
    let mut places = Vec::with_capacity(commit.entries.len());
    for entry in &commit.entries {
        if !places.is_empty() {
            json.push(b',');
        }
        let before = BeforeChange { object: entry.object, version: entry.version, event_type: entry.event_type };
        serde_json::to_writer(&mut json, &before).ok()?;
        // The change takes the place of the closing brace.
        json.pop();
        json.write_all(b",\"change\":").ok()?;
        places.push((i32::try_from(json.len() + 1).ok()?, i32::try_from(entry.change.len()).ok()?));
        json.write_all(entry.change.as_bytes()).ok()?;
        json.push(b'}');
    }
    json.push(b']');
    i32::try_from(json.len()).ok()?;
    let transfers = commit.transfers.iter().map(HashedTransfer::from);
    let digest = hash::digest(commit.request.as_ref(), &json, transfers);
    Some(EncodedEntries { json, places, digest })
}

pub(crate) fn decode(json: &[u8]) -> Result<Vec<StoredEntry<'_>>, serde_json::Error> {
    serde_json::from_slice(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::commit::EntryWrite;
    use types::Kind;
    use uuid::Uuid;

    #[test]
    fn entries_come_back_and_changes_are_at_their_places() {
        let object = ObjectId::from_value(Kind::Charge, Uuid::from_u128(7));
        let entry =
            |version, event_type, change: &str| EntryWrite { object, version, event_type, change: change.to_owned() };
        let entries = vec![entry(1, Some("charge.succeeded"), r#"{"a":"ä\"]"}"#), entry(2, None, "{}")];
        let commit = Commit { entries, ..Commit::default() };
        let encoded = encode(&commit).unwrap();
        let decoded = decode(&encoded.json).unwrap();
        assert_eq!(decoded.len(), 2);
        for ((found, entry), (start, length)) in decoded.iter().zip(&commit.entries).zip(&encoded.places) {
            assert_eq!((found.object, found.version), (entry.object, entry.version));
            assert_eq!(found.event_type.as_deref(), entry.event_type);
            assert_eq!(found.change.get(), entry.change);
            let start = *start as usize - 1;
            assert_eq!(&encoded.json[start..start + *length as usize], entry.change.as_bytes());
        }
    }
}
