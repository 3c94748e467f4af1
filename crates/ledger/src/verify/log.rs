//! The log itself: positions without gaps, entries that can be read, types as they are indexed.

use super::Report;
use crate::entries::decode;
use crate::store::verify::{Snapshot, VerifyError};

pub(super) async fn check(snapshot: &Snapshot<'_>, report: &mut Report) -> Result<(), VerifyError> {
    let mut log = snapshot.log().await?;
    let mut due = 1;
    while let Some((row, types)) = snapshot.next_commit(&mut log).await? {
        if row.position != due {
            report.find("positions", due, format!("the log goes on at {}", row.position));
        }
        due = row.position + i64::from(row.size);
        let entries = match decode(&row.entries) {
            Ok(entries) => entries,
            Err(error) => {
                report.find("versions", row.position, format!("its entries are not JSON: {error}"));
                continue;
            }
        };
        report.events += u64::try_from(entries.len()).unwrap_or(u64::MAX);
        if usize::try_from(row.size).ok() != Some(entries.len()) {
            report.find("positions", row.position, format!("it has {} entries, not {}", entries.len(), row.size));
        }
        let told = snapshot.indexed_types(entries.iter().filter_map(|entry| entry.event_type.as_deref()));
        if told != types {
            report.find("index", row.position, format!("its types are indexed as {types:?}, not as {told:?}"));
        }
    }
    Ok(())
}
