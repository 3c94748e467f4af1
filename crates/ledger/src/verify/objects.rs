//! Checks objects: each is folded from its log entries and compared with what is stored.

use super::report::Report;
use super::store::{Books, Head};
use crate::log::entries::{StoredEntry, decode};
use crate::store::errors::ReadError;
use contracts::ledger::Stored;
use domain::commit::Index;
use domain::patch;
use serde_json::Value;
use std::collections::BTreeSet;
use types::{Kind, ObjectId};

/// Derives from an object's state how the object must be indexed; `None` if it cannot say.
pub type IndexOf = dyn Fn(Kind, &Value) -> Option<Index> + Send + Sync;

/// An object as its log entries say.
struct Folded {
    id: ObjectId,
    version: i32,
    state: Value,
    /// How many entries there were.
    entries: u64,
}

/// Log rows that are read at once, whatever objects they are for.
const ENTRIES: usize = 500;

/// Folds each object out of the log rows that it refers to, as many as there are when it is read: it may have moved on
/// since the head was read. Then the number of entries up to the head is compared with that of the whole log: if they are
/// equal, every log entry is of a stored object.
pub(super) async fn check(
    books: &Books,
    head: &Head,
    report: &mut Report,
    index_of: Option<&IndexOf>,
) -> Result<(), ReadError> {
    let (mut after, mut entries) = (None, 0u64);
    loop {
        let objects = books.objects(after).await?;
        let Some(last) = objects.last() else { break };
        after = Some(last.stored.id);
        let mut folded: Vec<Folded> = objects.iter().map(|object| Folded::new(object.stored.id)).collect();
        let mut rows: Vec<(usize, i64)> = Vec::new();
        for (at, object) in objects.iter().enumerate() {
            rows.extend(object.positions.iter().map(|position| (at, *position)));
        }
        for some in rows.chunks(ENTRIES) {
            let positions: BTreeSet<i64> = some.iter().map(|(_, position)| *position).collect();
            let found = books.entries(&positions.into_iter().collect::<Vec<_>>()).await?;
            for (at, position) in some {
                let Some((folded, json)) = folded.get_mut(*at).zip(found.get(position)) else { continue };
                let count = folded.take(json, report);
                entries += if *position <= head.position { count } else { 0 };
            }
        }
        for (folded, object) in folded.iter().zip(&objects) {
            if folded.entries == 0 {
                report.find("objects", folded.id, "it is stored, but the log has no entry of it");
            }
            compare(folded, &object.stored, report, index_of);
        }
    }
    if entries != report.events {
        let detail = format!("the log has {} entries, of which {entries} are of stored objects", report.events);
        report.find("objects", "log", detail);
    }
    Ok(())
}

impl Folded {
    fn new(id: ObjectId) -> Self {
        Folded { id, version: 0, state: Value::Null, entries: 0 }
    }

    /// Takes the object's entries out of those of a log row; returns how many there are.
    fn take(&mut self, json: &[u8], report: &mut Report) -> u64 {
        let (before, id) = (self.entries, self.id);
        // `log` has found the rows that cannot be read.
        for entry in decode(json).unwrap_or_default().iter().filter(|entry| entry.object == id) {
            fold(self, entry, report);
            self.entries += 1;
        }
        self.entries - before
    }
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
