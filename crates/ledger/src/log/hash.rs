//! The hash of each row of the log, which is made of the row's commit and of the hash of the row before it.

use domain::account::{Account, Rule};
use domain::commit::{Action, Request, Transfer};
use sha2::{Digest, Sha256};
use types::{Currency, ObjectId, TenantId, Timestamp};
use uuid::Uuid;

pub(crate) type Hash = [u8; 32];

/// Where a tenant's log ends: what its next row follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The position of the last row; 0 if the log is empty.
    pub position: i64,
    pub hash: Hash,
    pub time: Timestamp,
}

impl Head {
    /// The head of an empty log. Its hash is the tenant's own, so that no row of one tenant can stand in the log of
    /// another one.
    pub fn of_empty_log(tenant: TenantId) -> Head {
        let hash = Sha256::new().chain_update(b"florin log").chain_update(tenant.0.as_bytes()).finalize();
        Head { position: 0, hash: hash.into(), time: Timestamp::default() }
    }

    /// The head after one more row, at this position. The log's time never runs backwards, in whichever order commits of
    /// the same time are written, and however much the clocks of several processes differ: so a time is a position.
    pub fn after(self, position: i64, at: Timestamp, digest: &Hash) -> Head {
        let time = self.time.max(at);
        Head { position, hash: next(&self.hash, time, digest), time }
    }
}

/// A transfer as it goes into the hash.
pub(crate) struct HashedTransfer<'a> {
    pub id: Uuid,
    pub action: Action,
    pub debit: HashedAccount<'a>,
    pub credit: HashedAccount<'a>,
    pub amount: i64,
    pub reason: &'a str,
    pub object: ObjectId,
}

/// An account as it goes into the hash of each transfer that touches it.
#[derive(Clone, Copy)]
pub(crate) struct HashedAccount<'a> {
    pub code: &'a str,
    pub currency: Currency,
    pub rule: Rule,
}

impl<'a> From<&'a Account> for HashedAccount<'a> {
    fn from(account: &'a Account) -> Self {
        HashedAccount { code: &account.code, currency: account.currency, rule: account.rule }
    }
}

impl<'a> From<&'a Transfer> for HashedTransfer<'a> {
    fn from(transfer: &'a Transfer) -> Self {
        HashedTransfer {
            id: transfer.id,
            action: transfer.action,
            debit: (&transfer.debit).into(),
            credit: (&transfer.credit).into(),
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

/// A rule as it goes into the hash. The numbers must never change either.
fn encoded_rule(rule: Rule) -> u8 {
    match rule {
        Rule::Unlimited => 0,
        Rule::CreditsCoverDebits => 1,
        Rule::DebitsCoverCredits => 2,
    }
}

/// The SHA-256 of all that a commit writes into the log and the transfers. Each value goes in with its length, so that
/// none can run into the next. Lengths have eight bytes on every machine.
pub(crate) fn digest<'a>(
    request: Option<&Request>,
    entries: &[u8],
    transfers: impl Iterator<Item = HashedTransfer<'a>>,
) -> Hash {
    let mut digest = Sha256::new();
    let mut add = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_be_bytes());
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
        for account in [debit, credit] {
            add(account.code.as_bytes());
            add(account.currency.code().as_bytes());
            add(&[encoded_rule(account.rule)]);
        }
        add(&amount.to_be_bytes());
        add(reason.as_bytes());
        add(&object.kind.code().to_be_bytes());
        add(object.value.as_bytes());
    }
    digest.finalize().into()
}

/// The hash of a row. `last` is the hash of the row before it; for the first row, that of [`Head::of_empty_log`].
pub(crate) fn next(last: &Hash, time: Timestamp, digest: &Hash) -> Hash {
    Sha256::new().chain_update(last).chain_update(time.millis().to_be_bytes()).chain_update(digest).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::Kind;

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
        let tenant = TenantId(Uuid::from_u128(5));
        let hash = next(&Head::of_empty_log(tenant).hash, Timestamp::from_millis(1_795_219_200_000), &digest);
        let shown: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(shown, "c255685b98123f50d433f7759572de62eb4bad48efd30a9d14589e34bcf80832");
    }
}
