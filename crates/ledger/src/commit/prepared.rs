//! A commit as it waits to be written.

use super::validate::out_of_range;
use crate::log::entries::{EncodedEntries, encode};
use contracts::ledger::CommitError;
use domain::commit::{Answer, Commit};
use types::TenantId;

/// A commit with its log entries encoded.
#[derive(Debug)]
pub(crate) struct PreparedCommit {
    /// The number that stands for the tenant in all tables.
    pub tenant: i32,
    pub tenant_id: TenantId,
    pub commit: Commit,
    pub encoded: EncodedEntries,
}

impl PreparedCommit {
    pub fn new(tenant: i32, tenant_id: TenantId, commit: Commit) -> Result<Self, CommitError> {
        let encoded = encode(&commit).ok_or_else(|| out_of_range("the size of the commit"))?;
        Ok(PreparedCommit { tenant, tenant_id, commit, encoded })
    }

    /// Whether it has log entries.
    pub fn is_logged(&self) -> bool {
        !self.commit.entries.is_empty()
    }

    /// About how many bytes are sent to PostgreSQL for it.
    pub fn bytes(&self) -> usize {
        let states: usize = self.commit.objects.iter().map(|write| write.state.len()).sum();
        let body = match self.commit.idempotency.as_ref().map(|write| &write.answer) {
            Some(Answer::Body { body, .. }) => body.len(),
            _ => 0,
        };
        self.encoded.json.len() + states + body
    }
}
