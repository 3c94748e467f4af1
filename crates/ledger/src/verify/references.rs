//! Rows that refer to the log or to objects: what they refer to must be there.

use super::report::Report;
use super::store::Snapshot;
use crate::store::errors::ReadError;

pub(super) async fn check(snapshot: &Snapshot<'_>, report: &mut Report) -> Result<(), ReadError> {
    for (id, position, created) in snapshot.stray_transfers().await? {
        let detail = match created {
            None => format!("there is no log entry {position}"),
            Some(created) => format!("its log entry {position} is of another time ({} ms)", created.millis()),
        };
        report.find("transfers", id, detail);
    }
    for (id, version) in snapshot.stray_revisions().await? {
        report.find("versions", id, format!("it has a revision {version}, but it is not stored"));
    }
    for key in snapshot.stray_keys().await? {
        report.find("idempotency", key, "its answer is a version that the object never had");
    }
    Ok(())
}
