//! What must be read before a batch can be checked and written.

use super::prepared::PreparedCommit;
use domain::commit::{Action, Step};
use std::collections::{BTreeMap, HashSet};
use types::{ObjectId, TenantId};
use uuid::Uuid;

/// How much is read before a batch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadScope {
    /// New objects and new idempotency keys are not looked for. They almost never exist already; if one does,
    /// PostgreSQL refuses the batch, and it is tried again with [`ReadScope::Everything`].
    WithoutNew,
    /// Everything that a commit relies on is read.
    Everything,
}

/// The keys of all rows that a batch relies on, each once.
#[derive(Debug, Default)]
pub(crate) struct Touched<'a> {
    pub tenants: BTreeMap<i32, TenantId>,
    pub objects: HashSet<(i32, ObjectId)>,
    pub accounts: HashSet<(i32, &'a str)>,
    pub holds: HashSet<(i32, Uuid)>,
    pub keys: HashSet<(i32, &'a str)>,
}

impl<'a> Touched<'a> {
    pub fn by(batch: impl Iterator<Item = &'a PreparedCommit>, scope: ReadScope) -> Self {
        let mut touched = Touched::default();
        for PreparedCommit { tenant, tenant_id, commit, .. } in batch {
            let everything = scope == ReadScope::Everything;
            touched.tenants.insert(*tenant, *tenant_id);
            let objects = commit.objects.iter().filter(|write| everything || write.base > 0);
            touched.objects.extend(objects.map(|write| (*tenant, write.id)));
            touched.objects.extend(commit.relies_on.iter().map(|(id, _)| (*tenant, *id)));
            let keys = commit.idempotency.iter().filter(|write| everything || write.step == Step::Finish);
            touched.keys.extend(keys.map(|write| (*tenant, &*write.key)));
            for transfer in &commit.transfers {
                touched
                    .accounts
                    .extend([(*tenant, transfer.debit.code.as_str()), (*tenant, transfer.credit.code.as_str())]);
                if let Action::PostHold { hold, .. } | Action::VoidHold { hold } = transfer.action {
                    touched.holds.insert((*tenant, hold));
                }
            }
        }
        touched
    }
}
