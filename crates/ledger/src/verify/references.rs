//! Rows that refer to the log or to objects: what they refer to must be there. `log` has found it for transfers up to the
//! head. What is looked up for a row is read by the same statement as the row, so rows that are written meanwhile are not
//! taken for wrong ones.

use super::log::find_stray;
use super::report::Report;
use super::store::{Books, Head};
use crate::store::errors::ReadError;

pub(super) async fn check(books: &Books, head: &Head, report: &mut Report) -> Result<(), ReadError> {
    let mut after = Some(head.position);
    while let Some(from) = after {
        let (stray, last) = books.stray_transfers(from).await?;
        for (id, position) in stray {
            find_stray(report, id, position);
        }
        after = last;
    }
    let mut after = Some((None, 0));
    while let Some(from) = after {
        let (stray, last) = books.stray_revisions(from).await?;
        for (id, version) in stray {
            report.find("versions", id, format!("it has a revision {version}, but it is not stored"));
        }
        after = last.map(|(id, version)| (Some(id), version));
    }
    let mut from = 0;
    while let Some((stray, until)) = books.stray_keys(from).await? {
        for key in stray {
            report.find("idempotency", key, "its answer is a version that the object never had");
        }
        from = until;
    }
    Ok(())
}
