//! Transfers, holds, rules.

use crate::build::{self, Doc, Draft};
use crate::clock::ManualClock;
use crate::subject::Subject;
use contracts::ledger::{Balance, CommitError};
use domain::account::{Account, Rule};
use domain::commit::{Action, Transfer};
use serde_json::json;
use std::time::Duration;
use types::{Clock, Timestamp};
use uuid::Uuid;

/// An object that transfers are made for, and two accounts.
struct Books {
    subject: Subject,
    doc: Doc,
    cash: Account,
    owed: Account,
}

impl Books {
    async fn open(mut subject: Subject) -> Self {
        let doc = subject.customer().await;
        Books { subject, doc, cash: build::open_account("assets/cash"), owed: build::open_account("liabilities/owed") }
    }

    fn transfer(&mut self, action: Action, amount: i64) -> Transfer {
        let accounts = (self.cash.clone(), self.owed.clone());
        self.between(action, (&accounts.0, &accounts.1), amount)
    }

    fn between(&mut self, action: Action, accounts: (&Account, &Account), amount: i64) -> Transfer {
        build::transfer(self.subject.now(), &mut self.subject.entropy, action, accounts, amount, self.doc.id)
    }

    fn draft(&self, transfers: &[Transfer], doc: &mut Doc) -> Draft {
        let draft = self.subject.draft().update(doc, None, json!({}));
        transfers.iter().fold(draft, |draft, transfer| draft.transfer(transfer.clone()))
    }

    async fn make(&mut self, transfers: &[Transfer]) -> Result<(), CommitError> {
        let mut doc = self.doc.clone();
        let draft = self.draft(transfers, &mut doc);
        self.subject.commit(draft.commit()).await?;
        self.doc = doc;
        Ok(())
    }

    /// Posted and pending debits of the first account, which are the credits of the second.
    async fn moved(&self) -> (i64, i64) {
        let (cash, owed) = (self.subject.balance("assets/cash").await, self.subject.balance("liabilities/owed").await);
        let moved = (cash.debits_posted, cash.debits_pending);
        let expected = Balance {
            account: self.owed.clone(),
            debits_posted: 0,
            credits_posted: moved.0,
            debits_pending: 0,
            credits_pending: moved.1,
        };
        assert_eq!(owed, expected);
        moved
    }
}

pub async fn a_hold_is_posted_in_parts(subject: Subject) {
    let mut books = Books::open(subject).await;
    let held = books.transfer(Action::Hold, 100);
    books.make(std::slice::from_ref(&held)).await.unwrap();
    assert_eq!(books.moved().await, (0, 100));
    let part = books.transfer(Action::PostHold { hold: held.id, last: false }, 30);
    books.make(&[part]).await.unwrap();
    assert_eq!(books.moved().await, (30, 70));
    let last = books.transfer(Action::PostHold { hold: held.id, last: true }, 50);
    books.make(&[last]).await.unwrap();
    assert_eq!(books.moved().await, (80, 0), "the last post releases the rest");
    for action in [Action::PostHold { hold: held.id, last: false }, Action::VoidHold { hold: held.id }] {
        let amount = i64::from(matches!(action, Action::PostHold { .. }));
        let late = books.transfer(action, amount);
        assert!(matches!(books.make(&[late]).await, Err(CommitError::Hold(_))), "{action:?}");
    }
}

pub async fn a_hold_is_released(subject: Subject) {
    let mut books = Books::open(subject).await;
    let held = books.transfer(Action::Hold, 100);
    let other = books.transfer(Action::Hold, 11);
    books.make(&[held.clone(), other]).await.unwrap();
    let part = books.transfer(Action::PostHold { hold: held.id, last: false }, 40);
    let void = books.transfer(Action::VoidHold { hold: held.id }, 0);
    books.make(&[part, void.clone()]).await.unwrap();
    assert_eq!(books.moved().await, (40, 11));
    let again = books.transfer(void.action, 0);
    assert!(matches!(books.make(&[again]).await, Err(CommitError::Hold(_))));
}

pub async fn a_hold_is_not_used_beyond_what_it_holds(subject: Subject) {
    let mut books = Books::open(subject).await;
    let held = books.transfer(Action::Hold, 100);
    let posted = books.transfer(Action::Post, 5);
    books.make(&[held.clone(), posted.clone()]).await.unwrap();
    let (elsewhere, cash, owed) = (build::open_account("assets/bank"), books.cash.clone(), books.owed.clone());
    let post = |hold| Action::PostHold { hold, last: false };
    let wrong = [
        books.transfer(post(held.id), 101),
        books.transfer(post(Uuid::from_u128(5)), 1),
        books.transfer(post(posted.id), 1),
        books.between(post(held.id), (&elsewhere, &owed), 1),
        books.between(post(held.id), (&owed, &cash), 1),
        books.between(Action::VoidHold { hold: held.id }, (&cash, &elsewhere), 0),
    ];
    for transfer in wrong {
        let rejected = books.make(std::slice::from_ref(&transfer)).await;
        assert!(matches!(rejected, Err(CommitError::Hold(_))), "{transfer:?}: {rejected:?}");
    }
    let parts = [books.transfer(post(held.id), 60), books.transfer(post(held.id), 60)];
    assert!(matches!(books.make(&parts).await, Err(CommitError::Hold(_))), "two parts are more than the whole");
    assert_eq!(books.moved().await, (5, 100), "none of it was written");
    let all = books.transfer(post(held.id), 100);
    books.make(&[all]).await.unwrap();
    assert_eq!(books.moved().await, (105, 0));
    let void = books.transfer(Action::VoidHold { hold: held.id }, 0);
    assert!(matches!(books.make(&[void]).await, Err(CommitError::Hold(_))), "nothing is left to release");
}

pub async fn a_hold_can_be_made_and_used_in_one_commit(subject: Subject) {
    let mut books = Books::open(subject).await;
    let held = books.transfer(Action::Hold, 100);
    let used = books.transfer(Action::PostHold { hold: held.id, last: true }, 99);
    books.make(&[held, used]).await.unwrap();
    assert_eq!(books.moved().await, (99, 0));
}

pub async fn rules_keep_accounts_from_being_overdrawn(subject: Subject) {
    let mut books = Books::open(subject).await;
    let bank = build::open_account("assets/bank");
    let purse = build::account("liabilities/purse", Rule::CreditsCoverDebits);
    let till = build::account("assets/till", Rule::DebitsCoverCredits);
    let fill = [books.between(Action::Post, (&bank, &purse), 100), books.between(Action::Post, (&till, &bank), 50)];
    books.make(&fill).await.unwrap();
    let overdraw = |code: &str| Err(CommitError::Overdrawn(code.to_owned()));
    for action in [Action::Post, Action::Hold] {
        let from_purse = books.between(action, (&purse, &bank), 101);
        assert_eq!(books.make(&[from_purse]).await, overdraw("liabilities/purse"));
        let from_till = books.between(action, (&bank, &till), 51);
        assert_eq!(books.make(&[from_till]).await, overdraw("assets/till"));
    }
    let held = books.between(Action::Hold, (&purse, &bank), 60);
    books.make(std::slice::from_ref(&held)).await.unwrap();
    let more = books.between(Action::Post, (&purse, &bank), 41);
    assert_eq!(books.make(&[more]).await, overdraw("liabilities/purse"), "holds count");
    let incoming = books.between(Action::Hold, (&bank, &purse), 1_000);
    let spent = books.between(Action::Post, (&purse, &bank), 41);
    assert_eq!(books.make(&[incoming, spent]).await, overdraw("liabilities/purse"), "pending credits do not count");
    let rest = books.between(Action::Post, (&purse, &bank), 40);
    let posted = books.between(Action::PostHold { hold: held.id, last: true }, (&purse, &bank), 60);
    books.make(&[rest, posted]).await.unwrap();
    let purse_now = books.subject.balance("liabilities/purse").await;
    assert_eq!((purse_now.credit_balance(), purse_now.debits_pending), (0, 0));
    let late = books.between(Action::Post, (&bank, &purse), 10);
    let early = books.between(Action::Post, (&purse, &bank), 10);
    assert_eq!(books.make(&[early, late]).await, overdraw("liabilities/purse"), "in the order of the transfers");
}

pub async fn an_account_keeps_its_currency_and_rule(subject: Subject) {
    let mut books = Books::open(subject).await;
    let first = books.transfer(Action::Post, 1);
    books.make(&[first]).await.unwrap();
    let mut ruled = books.cash.clone();
    ruled.rule = Rule::DebitsCoverCredits;
    let owed = books.owed.clone();
    let other_rule = books.between(Action::Post, (&ruled, &owed), 1);
    assert!(matches!(books.make(&[other_rule]).await, Err(CommitError::Invalid(_))));
    let (mut cash, mut owed) = (books.cash.clone(), books.owed.clone());
    (cash.currency, owed.currency) = ("eur".parse().unwrap(), "eur".parse().unwrap());
    let other_currency = books.between(Action::Post, (&cash, &owed), 1);
    assert!(matches!(books.make(&[other_currency]).await, Err(CommitError::Invalid(_))));
    assert_eq!(books.moved().await, (1, 0));
}

pub async fn balances_do_not_wrap(subject: Subject) {
    let mut books = Books::open(subject).await;
    let all = books.transfer(Action::Post, i64::MAX);
    books.make(&[all]).await.unwrap();
    let more = books.transfer(Action::Post, 1);
    assert!(matches!(books.make(&[more]).await, Err(CommitError::Invalid(_))));
    let hold = books.transfer(Action::Hold, i64::MAX);
    books.make(&[hold]).await.unwrap();
    assert_eq!(books.moved().await, (i64::MAX, i64::MAX));
}

pub async fn concurrent_refunds_do_not_overdraw(subject: Subject) {
    let mut books = Books::open(subject).await;
    let bank = build::open_account("assets/bank");
    let purse = build::account("liabilities/purse", Rule::CreditsCoverDebits);
    let fill = books.between(Action::Post, (&bank, &purse), 100);
    books.make(&[fill]).await.unwrap();
    let mut tasks = Vec::new();
    for number in 0..40 {
        let mut doc = books.subject.doc(types::Kind::Refund, json!({"number": number}));
        let refund = books.between(Action::Post, (&purse, &bank), 7);
        let draft = books.subject.draft().create(&mut doc, Some("refund.created")).transfer(refund);
        let (ledger, tenant) = (books.subject.ledger.clone(), books.subject.tenant);
        tasks.push(tokio::spawn(async move { ledger.commit(tenant, draft.commit()).await }));
    }
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => made += 1,
            Err(error) => assert_eq!(error, CommitError::Overdrawn("liabilities/purse".to_owned())),
        }
    }
    assert_eq!(made, 14);
    assert_eq!(books.subject.balance("liabilities/purse").await.credit_balance(), 2);
}

pub async fn tenants_with_a_balance_of_a_past_day_are_found(subject: Subject) {
    let mut books = Books::open(subject).await;
    let cash = books.cash.clone();
    let account =
        |name: &str, number| build::open_account(&format!("liabilities/pending/{name}/{}", books_day(number).date()));
    let found = async |books: &Books, number| {
        let found =
            books.subject.ledger.tenants_with_past_days("liabilities/pending/", books_day(number)).await.unwrap();
        assert!(found.iter().all(|tenant| *tenant == books.subject.tenant));
        !found.is_empty()
    };
    assert!(!found(&books, 9).await, "no account of a day");
    // Other accounts before, between and after those of the days.
    for code in
        ["liabilities/aaa", "liabilities/pending", "liabilities/pending0", "liabilities/pendings/usd/2026-11-21"]
    {
        let posted = books.between(Action::Post, (&cash, &build::open_account(code)), 5);
        books.make(&[posted]).await.unwrap();
    }
    assert!(!found(&books, 9).await);

    // The second name begins with the first one.
    for name in ["usd", "usdx", "zar"] {
        let (early, late) = (account(name, 1), account(name, 3));
        let posted = [books.between(Action::Post, (&cash, &early), 5), books.between(Action::Post, (&cash, &late), 7)];
        books.make(&posted).await.unwrap();
        assert!(!found(&books, 0).await && found(&books, 1).await && found(&books, 2).await, "{name}");
        let held = books.between(Action::Hold, (&early, &cash), 5);
        books.make(&[held]).await.unwrap();
        assert!(found(&books, 1).await, "what is held is not gone");
        let back = books.between(Action::Post, (&early, &cash), 5);
        books.make(&[back]).await.unwrap();
        assert!(!found(&books, 2).await && found(&books, 3).await && found(&books, 4).await, "{name}");
        // Debits count too.
        let more = books.between(Action::Post, (&late, &cash), 17);
        books.make(&[more]).await.unwrap();
        assert!(!found(&books, 2).await && found(&books, 3).await, "{name}");
        let back = books.between(Action::Post, (&cash, &late), 10);
        books.make(&[back]).await.unwrap();
        assert!(!found(&books, 9).await, "{name}");
    }
}

/// A day, counted from the one on which the books were opened.
fn books_day(number: u64) -> Timestamp {
    ManualClock::new().now().plus(Duration::from_secs(number * 86_400))
}
