//! Clients that commit as fast as they get answers, and remember the commits that were acknowledged.

use crate::build::{self, Doc, Draft};
use contracts::ledger::{CommitError, Ledger};
use domain::commit::{Action, Answer, Commit, KeyIdentity, Step};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use types::{Clock, Entropy, Kind, ObjectId, SystemClock, SystemEntropy, TenantId};

/// Clients at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    clients: JoinSet<Vec<Acknowledged>>,
}

/// What the clients of a load make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// New objects only, for which the committer need not read anything.
    New,
    /// Objects that are changed twice after their creation.
    Changing,
}

/// A commit that was acknowledged.
#[derive(Clone, Debug, PartialEq)]
pub struct Acknowledged {
    pub object: ObjectId,
    pub version: i32,
    pub first_position: i64,
    pub key: KeyIdentity,
    /// What was posted from `assets/load` to `liabilities/load`.
    pub amount: i64,
}

impl Load {
    /// Starts that many clients. Each makes charges, with a transfer and an idempotency key, and now and then repeats a
    /// key.
    pub fn start(ledger: Arc<dyn Ledger>, tenant: TenantId, clients: u64, work: Work) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut set = JoinSet::new();
        for _ in 0..clients {
            set.spawn(client(ledger.clone(), tenant, work, stop.clone()));
        }
        Load { stop, clients: set }
    }

    /// Lets the clients finish their current commits, and returns all that were acknowledged.
    pub async fn stop(self) -> Vec<Acknowledged> {
        self.stop.store(true, Ordering::SeqCst);
        self.clients.join_all().await.into_iter().flatten().collect()
    }
}

async fn client(ledger: Arc<dyn Ledger>, tenant: TenantId, work: Work, stop: Arc<AtomicBool>) -> Vec<Acknowledged> {
    let mut entropy = SystemEntropy::new();
    let mut acknowledged = Vec::new();
    let mut last: Option<Doc> = None;
    while !stop.load(Ordering::SeqCst) {
        if let Some(before) = acknowledged.last().filter(|_| entropy.next_u64().is_multiple_of(8)) {
            repeat(ledger.as_ref(), tenant, &mut entropy, before).await;
        }
        let (commit, doc) = next(&mut entropy, last.take());
        let key = commit.idempotency.as_ref().expect("each commit has a key").key.clone();
        let amount = commit.transfers.iter().map(|transfer| transfer.amount).sum();
        match ledger.commit(tenant, commit).await {
            Ok(committed) => {
                let first_position = committed.first_position;
                acknowledged.push(Acknowledged { object: doc.id, version: doc.version, first_position, key, amount });
                last = (work == Work::Changing && doc.version < 3).then_some(doc);
            }
            // It may or may not be written. Only acknowledged commits are counted.
            Err(CommitError::Unavailable(_) | CommitError::NotWritable(_) | CommitError::Overloaded) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("a valid commit was rejected: {error}"),
        }
    }
    acknowledged
}

/// Sends a commit with the key of one that was acknowledged: it must be refused, with that one's answer.
async fn repeat(ledger: &dyn Ledger, tenant: TenantId, entropy: &mut SystemEntropy, before: &Acknowledged) {
    let (mut commit, _) = next(entropy, None);
    if let Some(write) = &mut commit.idempotency {
        write.key.clone_from(&before.key);
    }
    let expected = Answer::Object { status: 200, id: before.object, version: before.version };
    match ledger.commit(tenant, commit).await {
        Err(CommitError::KeyUsed(record)) => assert_eq!((&*record.key, &record.answer), (&*before.key, &expected)),
        Err(CommitError::Unavailable(_) | CommitError::NotWritable(_) | CommitError::Overloaded) => (),
        other => panic!("a used key was not refused: {other:?}"),
    }
}

fn next(entropy: &mut SystemEntropy, last: Option<Doc>) -> (Commit, Doc) {
    let now = SystemClock.now();
    let (mut doc, draft) = match last {
        Some(mut doc) => {
            let draft = Draft::at(now).update(&mut doc, Some("charge.updated"), json!({"seen": now.millis()}));
            (doc, draft)
        }
        None => {
            let mut doc = Doc::new(Kind::Charge, now, entropy, json!({"amount": 1}));
            let draft = Draft::at(now).create(&mut doc, Some("charge.created"));
            (doc, draft)
        }
    };
    doc.index = Default::default();
    let accounts = (&build::open_account("assets/load"), &build::open_account("liabilities/load"));
    let amount = i64::try_from(1 + entropy.next_u64() % 100).unwrap();
    let moved = build::transfer(now, entropy, Action::Post, accounts, amount, doc.id);
    let key = entropy.alphanumeric(24);
    let answer = Answer::Object { status: 200, id: doc.id, version: doc.version };
    (draft.transfer(moved).key(&key, Step::Begin, answer).commit(), doc)
}
