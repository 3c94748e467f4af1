//! Objects, folded from their events.

use super::{IndexOf, Report};
use crate::store::verify::{EventRow, Snapshot, VerifyError};
use contracts::ledger::Stored;
use domain::patch;
use serde_json::Value;
use types::ObjectId;

/// An object as its events make it.
struct Folded {
    id: ObjectId,
    version: i32,
    state: Value,
}

/// Walks through events and objects side by side, in the order of their ids.
pub(super) async fn check(
    snapshot: &Snapshot<'_>,
    report: &mut Report,
    index_of: Option<&IndexOf>,
) -> Result<(), VerifyError> {
    let (mut events, mut objects) = (snapshot.events().await?, snapshot.objects().await?);
    let mut event = snapshot.next_event(&mut events).await?;
    let mut object = snapshot.next_object(&mut objects).await?;
    while let Some(first) = event.take() {
        let mut folded = Folded { id: first.object, version: 0, state: Value::Null };
        fold(&mut folded, &first, report);
        while let Some(next) = snapshot.next_event(&mut events).await? {
            if next.object != folded.id {
                event = Some(next);
                break;
            }
            fold(&mut folded, &next, report);
        }
        while let Some(unlogged) = object.take_if(|stored| stored.id < folded.id) {
            report.objects += 1;
            report.find("objects", unlogged.id, "it is stored, but the log has no event of it");
            object = snapshot.next_object(&mut objects).await?;
        }
        match object.take_if(|stored| stored.id == folded.id) {
            Some(stored) => {
                compare(&folded, &stored, report, index_of);
                object = snapshot.next_object(&mut objects).await?;
            }
            None => report.find("objects", folded.id, "the log has events of it, but it is not stored"),
        }
    }
    while let Some(unlogged) = object {
        report.objects += 1;
        report.find("objects", unlogged.id, "it is stored, but the log has no event of it");
        object = snapshot.next_object(&mut objects).await?;
    }
    Ok(())
}

fn fold(folded: &mut Folded, event: &EventRow, report: &mut Report) {
    report.events += 1;
    if event.version != folded.version + 1 {
        let detail = format!("event {} follows event {}", event.version, folded.version);
        report.find("versions", folded.id, detail);
    }
    folded.version = event.version;
    match serde_json::from_str(&event.change) {
        Ok(state) if event.version == 1 => folded.state = state,
        Ok(change) => patch::apply(&mut folded.state, change),
        Err(error) => report.find("versions", folded.id, format!("event {} is not JSON: {error}", event.version)),
    }
}

fn compare(folded: &Folded, stored: &Stored, report: &mut Report, index_of: Option<&IndexOf>) {
    report.objects += 1;
    if folded.version != stored.version {
        let detail = format!("its events lead to version {}, stored is version {}", folded.version, stored.version);
        report.find("objects", stored.id, detail);
    }
    match serde_json::from_str::<Value>(&stored.state) {
        Ok(state) if state == folded.state => {}
        Ok(state) => {
            // Only the names: a report may be shown to people who must not see what is in an object.
            let detail = format!("its events lead to another state; different: {}", differing(&folded.state, &state));
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
