//! The ledger as simply as it can be said: what the other implementations are compared with. Every commit works on a
//! copy of the tenant's books, which replaces them if all went well.

use async_trait::async_trait;
use contracts::ledger::{
    Balance, CommitError, Committed, Due, EventQuery, FieldFilter, IDEMPOTENCY_LIFETIME, IdempotencyRecord, Ledger,
    LedgerError, ListQuery, LogEntry, Operator, Page, Paging, Stored,
};
use domain::account::{Account, Rule};
use domain::commit::{Action, Commit, EntryWrite, Index, Request, Step, Transfer, Version};
use domain::patch;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use types::{Clock, Kind, ObjectId, TenantId, Timestamp};
use uuid::Uuid;

/// The ledger in memory.
pub struct ModelLedger {
    clock: Arc<dyn Clock>,
    tenants: Mutex<BTreeMap<TenantId, Books>>,
}

#[derive(Clone, Default)]
struct Books {
    objects: BTreeMap<ObjectId, Arc<Stored>>,
    log: Vec<Arc<Logged>>,
    transfers: Vec<Arc<Transfer>>,
    balances: BTreeMap<String, Balance>,
    keys: BTreeMap<String, IdempotencyRecord>,
}

/// A log entry as it is kept: with what changed instead of the states.
#[derive(Clone)]
struct Logged {
    position: i64,
    created: Timestamp,
    event: EntryWrite,
    request: Option<Request>,
}

impl ModelLedger {
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(ModelLedger { clock, tenants: Mutex::default() })
    }

    /// Opens empty books; those of a tenant that is there stay as they are.
    pub fn create_tenant(&self, tenant: TenantId) {
        self.tenants.lock().unwrap().entry(tenant).or_default();
    }

    /// All transfers, in the order of the log.
    pub fn transfers(&self, tenant: TenantId) -> Vec<Transfer> {
        let tenants = self.tenants.lock().unwrap();
        tenants
            .get(&tenant)
            .map_or_else(Vec::new, |books| books.transfers.iter().map(|transfer| Transfer::clone(transfer)).collect())
    }

    fn read<T>(&self, tenant: TenantId, read: impl FnOnce(&Books) -> T) -> Result<T, LedgerError> {
        let tenants: MutexGuard<'_, _> = self.tenants.lock().unwrap();
        tenants.get(&tenant).map(read).ok_or(LedgerError::NoSuchTenant(tenant))
    }
}

#[async_trait]
impl Ledger for ModelLedger {
    async fn commit(&self, tenant: TenantId, commit: Commit) -> Result<Committed, CommitError> {
        let mut tenants = self.tenants.lock().unwrap();
        let books = tenants.get_mut(&tenant).ok_or_else(|| CommitError::Invalid(format!("no tenant {tenant}")))?;
        let mut copy = books.clone();
        let committed = copy.commit(&commit)?;
        *books = copy;
        Ok(committed)
    }

    async fn objects(&self, tenant: TenantId, ids: &[ObjectId]) -> Result<Vec<Option<Stored>>, LedgerError> {
        self.read(tenant, |books| ids.iter().map(|id| books.objects.get(id).map(|stored| (**stored).clone())).collect())
    }

    async fn objects_at(
        &self,
        tenant: TenantId,
        at: &[(ObjectId, Version)],
    ) -> Result<Vec<Option<Stored>>, LedgerError> {
        self.read(tenant, |books| at.iter().map(|(id, version)| books.object_at(*id, *version)).collect())
    }

    async fn list(&self, tenant: TenantId, query: &ListQuery) -> Result<Page<Stored>, LedgerError> {
        self.read(tenant, |books| {
            let of_kind = books.objects.values().filter(|stored| stored.id.kind == query.kind);
            let fitting: Vec<&Arc<Stored>> = of_kind.filter(|stored| fits(stored, query)).collect();
            page(fitting, &query.paging, |stored| stored.id)
        })
    }

    async fn events(&self, tenant: TenantId, query: &EventQuery) -> Result<Page<LogEntry>, LedgerError> {
        self.read(tenant, |books| {
            let fitting: Vec<&Arc<Logged>> = books.log.iter().filter(|entry| is_asked_for(entry, query)).collect();
            let Page { items, has_more } = page(fitting, &query.paging, |entry| entry.position);
            Page { items: items.iter().map(|entry| books.shown(entry)).collect(), has_more }
        })
    }

    async fn log_entry(&self, tenant: TenantId, position: i64) -> Result<Option<LogEntry>, LedgerError> {
        self.read(tenant, |books| {
            books.log.iter().find(|entry| entry.position == position).map(|entry| books.shown(entry))
        })
    }

    async fn balances(&self, tenant: TenantId, prefix: &str) -> Result<Vec<Balance>, LedgerError> {
        self.read(tenant, |books| {
            books.balances.values().filter(|balance| balance.account.code.starts_with(prefix)).cloned().collect()
        })
    }

    async fn idempotency(&self, tenant: TenantId, key: &str) -> Result<Option<IdempotencyRecord>, LedgerError> {
        let now = self.clock.now();
        self.read(tenant, |books| books.keys.get(key).filter(|record| !expired(record, now)).cloned())
    }

    async fn due(&self, now: Timestamp, after: Option<&Due>, limit: u32) -> Result<Vec<Due>, LedgerError> {
        let tenants = self.tenants.lock().unwrap();
        let of_tenant = |(tenant, books): (&TenantId, &Books)| {
            let due = books.objects.values().filter(|stored| stored.index.due.is_some_and(|due| due <= now));
            due.map(|stored| Due { tenant: *tenant, stored: (**stored).clone() }).collect::<Vec<_>>()
        };
        let place = |due: &Due| (due.stored.index.due, due.tenant, due.stored.id);
        let mut due: Vec<Due> = tenants.iter().flat_map(of_tenant).collect();
        due.sort_by_key(place);
        due.retain(|due| after.is_none_or(|after| place(due) > place(after)));
        due.truncate(limit as usize);
        Ok(due)
    }

    async fn forget_idempotency(&self, before: Timestamp) -> Result<u64, LedgerError> {
        let mut forgotten = 0;
        for books in self.tenants.lock().unwrap().values_mut() {
            let known = books.keys.len();
            books.keys.retain(|_, record| record.created >= before);
            forgotten += known - books.keys.len();
        }
        Ok(forgotten as u64)
    }
}

fn invalid<T>(why: &str) -> Result<T, CommitError> {
    Err(CommitError::Invalid(why.to_owned()))
}

fn expired(record: &IdempotencyRecord, now: Timestamp) -> bool {
    record.created.plus(IDEMPOTENCY_LIFETIME) < now
}

impl Books {
    fn commit(&mut self, commit: &Commit) -> Result<Committed, CommitError> {
        agrees_with_itself(commit)?;
        self.write_key(commit)?;
        self.write_objects(commit)?;
        for transfer in &commit.transfers {
            self.move_money(transfer)?;
        }
        let first_position = self.log.len() as i64 + 1;
        let created = self.log.last().map_or(commit.at, |last| last.created.max(commit.at));
        self.log.extend((first_position..).zip(&commit.entries).map(|(position, event)| {
            Arc::new(Logged { position, created, event: event.clone(), request: commit.request.clone() })
        }));
        Ok(Committed { first_position })
    }

    fn write_key(&mut self, commit: &Commit) -> Result<(), CommitError> {
        let Some(write) = &commit.idempotency else { return Ok(()) };
        let known = self.keys.get(&write.key);
        let created = match write.step {
            Step::Begin => match known {
                Some(record) if !expired(record, commit.at) => {
                    return Err(CommitError::KeyUsed(Box::new(record.clone())));
                }
                _ => commit.at,
            },
            Step::Finish => match known {
                None => return invalid("the key was never begun"),
                Some(record) if record.fingerprint != write.fingerprint => {
                    return Err(CommitError::KeyUsed(Box::new(record.clone())));
                }
                Some(record) => record.created,
            },
        };
        let record = IdempotencyRecord {
            key: write.key.clone(),
            fingerprint: write.fingerprint,
            created,
            answer: write.answer.clone(),
        };
        self.keys.insert(write.key.clone(), record);
        Ok(())
    }

    fn write_objects(&mut self, commit: &Commit) -> Result<(), CommitError> {
        for write in &commit.objects {
            let found = self.objects.get(&write.id).map_or(0, |stored| stored.version);
            if found != write.base {
                return Err(CommitError::VersionConflict { id: write.id, expected: write.base, found });
            }
        }
        for write in &commit.objects {
            let stored =
                Stored { id: write.id, version: write.version, index: write.index.clone(), state: write.state.clone() };
            self.objects.insert(write.id, Arc::new(stored));
        }
        Ok(())
    }

    fn move_money(&mut self, transfer: &Transfer) -> Result<(), CommitError> {
        if self.transfers.iter().any(|known| known.id == transfer.id) {
            return invalid("the transfer was made before");
        }
        let (posted, held) = match transfer.action {
            Action::Post => (transfer.amount, 0),
            Action::Hold => (0, transfer.amount),
            Action::PostHold { hold, last } => {
                let remaining = self.remaining(hold, transfer)?;
                (transfer.amount, if last { -remaining } else { -transfer.amount })
            }
            Action::VoidHold { hold } => (0, -self.remaining(hold, transfer)?),
        };
        let debit = self.balance(&transfer.debit)?;
        change(&mut debit.debits_posted, posted)?;
        change(&mut debit.debits_pending, held)?;
        obeys_rule(debit)?;
        let credit = self.balance(&transfer.credit)?;
        change(&mut credit.credits_posted, posted)?;
        change(&mut credit.credits_pending, held)?;
        obeys_rule(credit)?;
        self.transfers.push(Arc::new(transfer.clone()));
        Ok(())
    }

    /// What is left of a hold, which must be enough for the transfer.
    fn remaining(&self, hold: Uuid, transfer: &Transfer) -> Result<i64, CommitError> {
        let refused = |why: &str| Err(CommitError::Hold(format!("{hold} {why}")));
        let Some(held) = self.transfers.iter().find(|known| known.id == hold && known.action == Action::Hold) else {
            return refused("is not there");
        };
        if held.debit.code != transfer.debit.code || held.credit.code != transfer.credit.code {
            return refused("is of other accounts");
        }
        let mut remaining = held.amount;
        for known in &self.transfers {
            match known.action {
                Action::PostHold { hold: used, last } if used == hold => {
                    remaining = if last { 0 } else { remaining - known.amount };
                }
                Action::VoidHold { hold: used } if used == hold => remaining = 0,
                _ => {}
            }
        }
        if remaining == 0 {
            return refused("is used up");
        }
        if transfer.amount > remaining { refused("is too small") } else { Ok(remaining) }
    }

    fn balance(&mut self, account: &Account) -> Result<&mut Balance, CommitError> {
        let balance = self.balances.entry(account.code.clone()).or_insert_with(|| Balance {
            account: account.clone(),
            debits_posted: 0,
            credits_posted: 0,
            debits_pending: 0,
            credits_pending: 0,
        });
        if balance.account == *account { Ok(balance) } else { invalid("the account is another") }
    }

    fn object_at(&self, id: ObjectId, version: Version) -> Option<Stored> {
        let entries = self.log.iter().map(|entry| &entry.event);
        let changes: Vec<_> = entries.filter(|event| event.object == id && event.version <= version).collect();
        if changes.last()?.version != version {
            return None;
        }
        let mut state = Value::Null;
        for event in changes {
            let change: Value = serde_json::from_str(&event.change).expect("the log holds JSON");
            if event.version == 1 { state = change } else { patch::apply(&mut state, change) }
        }
        Some(Stored { id, version, index: Index::default(), state: state.to_string() })
    }

    /// A log entry with the states before and after it.
    fn shown(&self, logged: &Logged) -> LogEntry {
        let EntryWrite { object, version, event_type, .. } = logged.event;
        let state = |version| self.object_at(object, version).map(|stored| stored.state);
        let request = logged.request.as_ref();
        LogEntry {
            position: logged.position,
            created: logged.created,
            object,
            version,
            event_type: event_type.map(str::to_owned),
            state: state(version).expect("the log reaches it"),
            before: state(version - 1),
            request_id: request.map(|request| request.id.clone()),
            idempotency_key: request.and_then(|request| request.idempotency_key.clone()),
        }
    }
}

fn change(balance: &mut i64, by: i64) -> Result<(), CommitError> {
    match balance.checked_add(by) {
        Some(changed) => {
            *balance = changed;
            Ok(())
        }
        None => invalid("the balance is out of range"),
    }
}

fn obeys_rule(balance: &Balance) -> Result<(), CommitError> {
    let debits = i128::from(balance.debits_posted) + i128::from(balance.debits_pending);
    let credits = i128::from(balance.credits_posted) + i128::from(balance.credits_pending);
    let fine = match balance.account.rule {
        Rule::Unlimited => true,
        Rule::CreditsCoverDebits => debits <= i128::from(balance.credits_posted),
        Rule::DebitsCoverCredits => credits <= i128::from(balance.debits_posted),
    };
    if fine { Ok(()) } else { Err(CommitError::Overdrawn(balance.account.code.clone())) }
}

fn agrees_with_itself(commit: &Commit) -> Result<(), CommitError> {
    let nothing_happens = commit.entries.is_empty();
    if nothing_happens && (!commit.objects.is_empty() || !commit.transfers.is_empty()) {
        return invalid("nothing happens without an event");
    }
    if nothing_happens && commit.idempotency.is_none() {
        return invalid("it is empty");
    }
    for (at, write) in commit.objects.iter().enumerate() {
        let versions: Vec<Version> =
            commit.entries.iter().filter(|event| event.object == write.id).map(|event| event.version).collect();
        let due: Vec<Version> = (write.base + 1..=write.version).collect();
        let first = commit.entries.iter().find(|event| event.object == write.id);
        if write.version == 1 && first.is_some_and(|event| event.change != write.state) {
            return invalid("the first state is not that of the event");
        }
        if write.base < 0 || versions.is_empty() || versions != due {
            return invalid("the versions are not those of the events");
        }
        if commit.objects[..at].iter().any(|other| other.id == write.id) {
            return invalid("an object is written twice");
        }
        if write.index.customer.is_some_and(|customer| customer.kind != Kind::Customer) {
            return invalid("the customer is not one");
        }
    }
    for event in &commit.entries {
        if !commit.objects.iter().any(|write| write.id == event.object) {
            return invalid("an event of an object that is not written");
        }
    }
    let states = commit.objects.iter().map(|write| &write.state);
    for text in states.chain(commit.entries.iter().map(|event| &event.change)) {
        match serde_json::from_str::<Value>(text) {
            Ok(value) if !holds_nul(&value) => {}
            _ => return invalid("it is not JSON that can be kept"),
        }
    }
    for transfer in &commit.transfers {
        let voids = matches!(transfer.action, Action::VoidHold { .. });
        if (voids && transfer.amount != 0) || (!voids && transfer.amount <= 0) {
            return invalid("the amount");
        }
        if transfer.debit.code == transfer.credit.code || transfer.debit.currency != transfer.credit.currency {
            return invalid("the accounts");
        }
    }
    Ok(())
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

/// A page out of all that fit.
fn page<T: Clone, C: Ord + Copy>(mut fitting: Vec<&Arc<T>>, paging: &Paging<C>, cursor: impl Fn(&T) -> C) -> Page<T> {
    fitting.sort_by_key(|item| std::cmp::Reverse(cursor(item)));
    if let Some(after) = paging.starting_after {
        fitting.retain(|item| cursor(item) < after);
    }
    if let Some(before) = paging.ending_before {
        fitting.retain(|item| cursor(item) > before);
    }
    let limit = paging.limit as usize;
    let has_more = fitting.len() > limit;
    if has_more && paging.ending_before.is_some() {
        fitting.drain(..fitting.len() - limit);
    }
    fitting.truncate(limit);
    Page { items: fitting.into_iter().map(|item| T::clone(item)).collect(), has_more }
}

fn fits(stored: &Stored, query: &ListQuery) -> bool {
    let created = Timestamp::from_millis((stored.id.value.as_u128() >> 80) as i64);
    let state: Value = serde_json::from_str(&stored.state).expect("states are JSON");
    let mut fields = query.fields.iter().map(|field| holds(&state, field));
    let fields_fit =
        query.fields.is_empty() || if query.any_field { fields.any(|fit| fit) } else { fields.all(|fit| fit) };
    fields_fit
        && query.customer.is_none_or(|customer| stored.index.customer == Some(customer))
        && (query.parents.is_empty() || stored.index.parent.is_some_and(|parent| query.parents.contains(&parent)))
        && query.status.as_ref().is_none_or(|status| stored.index.status.as_ref() == Some(status))
        && query.created_from.is_none_or(|from| created >= from)
        && query.created_until.is_none_or(|until| created <= until)
}

fn holds(state: &Value, field: &FieldFilter) -> bool {
    let attribute = field.path.iter().try_fold(state, |value, key| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        value => value.get(key),
    });
    let text = match attribute {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(value) => Some(value.to_string()),
    };
    let compare = |fit: fn(&f64, &f64) -> bool| {
        let number = |text: &str| text.parse::<f64>().ok().filter(|_| !text.contains(['e', 'E', 'n', 'N', '+']));
        text.as_deref().and_then(number).zip(number(&field.value)).is_some_and(|(left, right)| fit(&left, &right))
    };
    let holds = match field.operator {
        Operator::Exists => text.is_some(),
        Operator::Equal => text.as_ref() == Some(&field.value),
        Operator::Contains => text.is_some_and(|text| text.to_lowercase().contains(&field.value.to_lowercase())),
        Operator::Greater => compare(f64::gt),
        Operator::GreaterOrEqual => compare(f64::ge),
        Operator::Less => compare(f64::lt),
        Operator::LessOrEqual => compare(f64::le),
    };
    holds != field.negated
}

fn is_asked_for(entry: &Logged, query: &EventQuery) -> bool {
    let Some(event_type) = entry.event.event_type else { return false };
    let named = query.types.iter().any(|name| match name.strip_suffix('*') {
        Some(prefix) => event_type.starts_with(prefix),
        None => event_type == name,
    });
    (query.types.is_empty() || named)
        && query.created_from.is_none_or(|from| entry.created >= from)
        && query.created_until.is_none_or(|until| entry.created <= until)
        && query.object.is_none_or(|object| entry.event.object == object)
}
