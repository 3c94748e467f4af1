//! The hash of each row of the log, which is made of the row's commit and of the hash of the row before it.

use domain::commit::{Action, Request, Transfer};
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
    /// The head after one more row. The log's time never runs backwards, in whichever order commits of the same time
    /// are written, and however much the clocks of several processes differ: so a time is a position.
    pub fn after(self, at: Timestamp, digest: &Hash) -> Head {
        let time = self.time.max(at);
        Head { hash: next(&self.hash, time, digest), time }
    }
}

/// A transfer as it goes into the hash.
pub(crate) struct HashedTransfer<'a> {
    pub id: Uuid,
    pub action: Action,
    pub debit: &'a str,
    pub credit: &'a str,
    pub amount: i64,
    pub reason: &'a str,
    pub object: ObjectId,
}

impl<'a> From<&'a Transfer> for HashedTransfer<'a> {
    fn from(transfer: &'a Transfer) -> Self {
        HashedTransfer {
            id: transfer.id,
            action: transfer.action,
            debit: &transfer.debit.code,
            credit: &transfer.credit.code,
            amount: transfer.amount,
            reason: transfer.reason,
            object: transfer.object,
        }
    }
}

/// An action as it goes into the hash: its number, the hold that it uses, and whether it closes that hold. The numbers
/// are the hash's own and must never change.
fn encoded(action: &Action) -> (i16, Option<&Uuid>, bool) {
    match action {
        Action::Post => (1, None, false),
        Action::Hold => (2, None, false),
        Action::PostHold { hold, last } => (3, Some(hold), *last),
        Action::VoidHold { hold } => (4, Some(hold), true),
    }
}

/// The SHA-256 of all that a commit writes into the log and the transfers. Each value goes in with its length, so that
/// none can run into the next.
pub(crate) fn digest<'a>(
    request: Option<&Request>,
    entries: &[u8],
    transfers: impl Iterator<Item = HashedTransfer<'a>>,
) -> Hash {
    let mut digest = Sha256::new();
    let mut add = |bytes: &[u8]| {
        digest.update(bytes.len().to_be_bytes());
        digest.update(bytes);
    };
    add(request.map_or("", |request| &request.id).as_bytes());
    add(request.and_then(|request| request.idempotency_key.as_deref()).unwrap_or_default().as_bytes());
    add(entries);
    for HashedTransfer { id, action, debit, credit, amount, reason, object } in transfers {
        let (number, hold, closes) = encoded(&action);
        add(id.as_bytes());
        add(&number.to_be_bytes());
        add(hold.map_or(&[], |hold| hold.as_bytes().as_slice()));
        add(&[u8::from(closes)]);
        add(debit.as_bytes());
        add(credit.as_bytes());
        add(&amount.to_be_bytes());
        add(reason.as_bytes());
        add(&object.kind.code().to_be_bytes());
        add(object.value.as_bytes());
    }
    digest.finalize().into()
}

/// The hash of a row. `last` is the hash of the row before it; for the first row it is all zeros.
pub(crate) fn next(last: &Hash, time: Timestamp, digest: &Hash) -> Hash {
    Sha256::new().chain_update(last).chain_update(time.millis().to_be_bytes()).chain_update(digest).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::account::{Account, Rule};
    use types::{Currency, Kind};

    /// Hashes that are stored must stay verifiable, so what goes into them must never change.
    #[test]
    fn the_same_commit_has_the_same_hash_in_every_release() {
        let account = |code: &str| Account { code: code.to_owned(), currency: Currency::USD, rule: Rule::Unlimited };
        let hold = Uuid::from_u128(2);
        let actions = [
            Action::Post,
            Action::Hold,
            Action::PostHold { hold, last: false },
            Action::PostHold { hold, last: true },
            Action::VoidHold { hold },
        ];
        let transfers: Vec<Transfer> = (1..)
            .zip(actions)
            .map(|(number, action)| Transfer {
                id: Uuid::from_u128(number),
                action,
                debit: account("assets/a"),
                credit: account("liabilities/b"),
                amount: 4200,
                reason: "charge",
                object: ObjectId::from_value(Kind::Charge, Uuid::from_u128(9)),
            })
            .collect();
        let request = Request { id: "req_1".to_owned(), idempotency_key: Some("key".to_owned()) };
        let digest = digest(Some(&request), b"[{}]", transfers.iter().map(HashedTransfer::from));
        let hash = next(&[1; 32], Timestamp::from_millis(1_795_219_200_000), &digest);
        let shown: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(shown, "9a4cd9590bc0fe32a054d890a96a7862828a3a8b8927905c3b316274450ccece");
    }
}
