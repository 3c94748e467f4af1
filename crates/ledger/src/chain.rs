//! The hashes that tie each row of the log to all rows before it.

use crate::store::codes::action_columns;
use domain::commit::{Request, Transfer};
use sha2::{Digest, Sha256};
use types::{ObjectId, Timestamp};
use uuid::Uuid;

pub(crate) type Hash = [u8; 32];

/// Where a tenant's log ends: what its next row follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub hash: Hash,
    pub time: Timestamp,
}

impl Head {
    /// After one more row. The log's time never runs backwards, whichever of several commits that were made at the same time
    /// comes first, and whatever the clocks of several processes say: so a time is a position.
    pub fn after(self, at: Timestamp, digest: &Hash) -> Head {
        let time = self.time.max(at);
        Head { hash: next(&self.hash, time, digest), time }
    }
}

/// A transfer as the log vouches for it.
pub(crate) struct Moved<'a> {
    pub id: Uuid,
    pub action: (i16, Option<Uuid>, bool),
    pub debit: &'a str,
    pub credit: &'a str,
    pub amount: i64,
    pub reason: &'a str,
    pub object: ObjectId,
}

impl<'a> From<&'a Transfer> for Moved<'a> {
    fn from(transfer: &'a Transfer) -> Self {
        Moved {
            id: transfer.id,
            action: action_columns(transfer.action),
            debit: &transfer.debit.code,
            credit: &transfer.credit.code,
            amount: transfer.amount,
            reason: transfer.reason,
            object: transfer.object,
        }
    }
}

/// What a commit writes, as one number. Texts go in with their length, so that none can run into the next.
pub(crate) fn digest<'a>(
    request: Option<&Request>,
    entries: &[u8],
    transfers: impl Iterator<Item = Moved<'a>>,
) -> Hash {
    let mut digest = Sha256::new();
    let mut add = |bytes: &[u8]| {
        digest.update(bytes.len().to_be_bytes());
        digest.update(bytes);
    };
    add(request.map_or("", |request| &request.id).as_bytes());
    add(request.and_then(|request| request.idempotency_key.as_deref()).unwrap_or_default().as_bytes());
    add(entries);
    for Moved { id, action: (action, hold, last), debit, credit, amount, reason, object } in transfers {
        add(id.as_bytes());
        add(&action.to_be_bytes());
        add(hold.as_ref().map_or(&[], |hold| hold.as_bytes().as_slice()));
        add(&[u8::from(last)]);
        add(debit.as_bytes());
        add(credit.as_bytes());
        add(&amount.to_be_bytes());
        add(reason.as_bytes());
        add(&object.kind.code().to_be_bytes());
        add(object.value.as_bytes());
    }
    digest.finalize().into()
}

/// The hash of a row after that of the row before, which is all zeros for the first.
pub(crate) fn next(last: &Hash, time: Timestamp, digest: &Hash) -> Hash {
    Sha256::new().chain_update(last).chain_update(time.millis().to_be_bytes()).chain_update(digest).finalize().into()
}
