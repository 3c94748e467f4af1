//! Checks objects: each is folded from its log entries and compared with what is stored.

use super::report::Report;
use super::store::{ObjectRow, Snapshot};
use crate::log::entries::{StoredEntry, decode};
use crate::store::errors::ReadError;
use contracts::ledger::Stored;
use domain::commit::Index;
use domain::patch;
use serde_json::Value;
use types::{Kind, ObjectId};

/// Derives from an object's state how the object must be indexed; `None` if it cannot say.
pub type IndexOf = dyn Fn(Kind, &Value) -> Option<Index> + Send + Sync;

/// An object as its log entries say.
struct Folded {
    id: ObjectId,
    version: i32,
    state: Value,
}

/// Folds each object out of the log rows that it refers to. Then the number of entries is compared with that of the
/// whole log: if they are equal, every log entry is of a stored object.
pub(super) async fn check(
    snapshot: &Snapshot<'_>,
    report: &mut Report,
    index_of: Option<&IndexOf>,
) -> Result<(), ReadError> {
    let mut objects = snapshot.objects().await?;
    let mut folded = 0u64;
    while let Some(object) = snapshot.next_object(&mut objects).await? {
        folded += check_object(&object, report, index_of);
    }
    if folded != report.events {
        let detail = format!("the log has {} entries, of which {folded} are of stored objects", report.events);
        report.find("objects", "log", detail);
    }
    Ok(())
}

/// Returns how many log entries the object has.
fn check_object(object: &ObjectRow, report: &mut Report, index_of: Option<&IndexOf>) -> u64 {
    let id = object.stored.id;
    let mut folded = Folded { id, version: 0, state: Value::Null };
    let mut entries = 0;
    for json in &object.log {
        // `log` has found the rows that cannot be read.
        for entry in decode(json).unwrap_or_default().iter().filter(|entry| entry.object == id) {
            fold(&mut folded, entry, report);
            entries += 1;
        }
    }
    if entries == 0 {
        report.find("objects", id, "it is stored, but the log has no entry of it");
    }
    compare(&folded, &object.stored, report, index_of);
    entries
}

fn fold(folded: &mut Folded, entry: &StoredEntry<'_>, report: &mut Report) {
    if entry.version != folded.version + 1 {
        let detail = format!("version {} follows version {}", entry.version, folded.version);
        report.find("versions", folded.id, detail);
    }
    folded.version = entry.version;
    match serde_json::from_str(entry.change.get()) {
        Ok(state) if entry.version == 1 => folded.state = state,
        Ok(change) => patch::apply(&mut folded.state, change),
        Err(error) => report.find("versions", folded.id, format!("version {} is not JSON: {error}", entry.version)),
    }
}

fn compare(folded: &Folded, stored: &Stored, report: &mut Report, index_of: Option<&IndexOf>) {
    report.objects += 1;
    if folded.version != stored.version {
        let detail =
            format!("its log entries lead to version {}, stored is version {}", folded.version, stored.version);
        report.find("objects", stored.id, detail);
    }
    match serde_json::from_str::<Value>(&stored.state) {
        Ok(state) if state == folded.state => {}
        Ok(state) => {
            // Only the names of attributes: people who read a report may not be allowed to see what is in an object.
            let detail =
                format!("its log entries lead to another state; different: {}", differing(&folded.state, &state));
            report.find("objects", stored.id, detail);
        }
        Err(error) => report.find("objects", stored.id, format!("its state is not JSON: {error}")),
    }
    if let Some(index) = index_of.and_then(|index_of| index_of(stored.id.kind, &folded.state))
        && index != stored.index
    {
        report.find("index", stored.id, format!("it is indexed as {:?}, not as {index:?}", stored.index));
    }
}

/// The attributes in which two states differ.
fn differing(one: &Value, other: &Value) -> String {
    match patch::between(one, other) {
        Some(Value::Object(changes)) => changes.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        _ => "all of it".to_owned(),
    }
}
