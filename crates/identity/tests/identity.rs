//! Tenants and keys on a clean database.

#![allow(clippy::unwrap_used)]

use contracts::{Caller, Identity, KeyKind, Settings, Tenant};
use identity::admin::{self, AdminError, KeyRecord, migrate};
use identity::{KeysConfig, PgIdentity, new_key_pair, publishable_of};
use platform::database::store::begin_as_owner;
use std::sync::Arc;
use testkit::{ManualClock, TestDatabase};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use types::{Clock, SeededEntropy, TenantId, Timestamp};

/// Roles belong to the server, not to a database: another test may create them at the same time.
const ROLES: &str = "DO $$ BEGIN CREATE ROLE florin_owner LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
    DO $$ BEGIN CREATE ROLE florin_service LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;";

fn now() -> Timestamp {
    ManualClock::new().now()
}

/// Tenants and keys as the server reads them, and the connection of an administrator.
async fn opened() -> (TestDatabase, Arc<PgIdentity>, Client) {
    let database = TestDatabase::start().await;
    let mut admin = database.connect().await;
    admin.batch_execute(ROLES).await.unwrap();
    let name: String = admin.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    admin.batch_execute(&format!("GRANT CREATE ON DATABASE {name} TO florin_owner")).await.unwrap();
    migrate(&mut admin).await.unwrap();
    migrate(&mut admin).await.unwrap();
    let identity = PgIdentity::new(database.pool("florin_service", 4), &KeysConfig::default());
    (database, identity, admin)
}

async fn create_tenant(
    owner: &mut Client,
    name: &str,
    settings: Settings,
    created: Timestamp,
) -> Result<Tenant, AdminError> {
    let work = begin_as_owner(owner).await?;
    let tenant = admin::create_tenant(&work, name, settings, created).await?;
    work.commit().await?;
    Ok(tenant)
}

async fn add_key(owner: &mut Client, tenant: TenantId, key: &str, created: Timestamp) -> Result<(), AdminError> {
    let work = begin_as_owner(owner).await?;
    admin::add_key(&work, tenant, key, created).await?;
    Ok(work.commit().await?)
}

async fn keys(owner: &mut Client, tenant: TenantId) -> Vec<KeyRecord> {
    let work = begin_as_owner(owner).await.unwrap();
    admin::keys(&work, tenant).await.unwrap()
}

/// Lets a key end, by its id.
async fn expire_key(owner: &mut Client, id: &str, at: Timestamp) -> bool {
    let work = begin_as_owner(owner).await.unwrap();
    let found = admin::expire_key(&work, id, at).await.unwrap();
    work.commit().await.unwrap();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_belongs_to_its_tenant_until_it_is_revoked() {
    let (database, identity, mut owner) = opened().await;
    let settings = Settings { country: "DE".to_owned(), ..Settings::default() };
    let tenant = create_tenant(&mut owner, "shop", settings, now()).await.unwrap();
    assert_eq!(tenant.created, now());
    let pair = new_key_pair(false, &mut SeededEntropy::new(1));
    let (secret, publishable) = (pair.secret.reveal(), pair.publishable.as_str());
    add_key(&mut owner, tenant.id, secret, now()).await.unwrap();
    add_key(&mut owner, tenant.id, publishable, now()).await.unwrap();
    add_key(&mut owner, tenant.id, secret, now()).await.expect("adding it again changes nothing");
    let caller = |key| Caller { tenant: Arc::new(tenant.clone()), key, livemode: false };
    for _ in 0..2 {
        assert_eq!(identity.authenticate(secret).await.unwrap(), Some(caller(KeyKind::Secret)));
        assert_eq!(identity.authenticate(publishable).await.unwrap(), Some(caller(KeyKind::Publishable)));
    }
    for unknown in ["", "sk_test_", "sk_test_other", "\0", "sk_live_x", "Bearer sk_test_x"] {
        assert_eq!(identity.authenticate(unknown).await.unwrap(), None);
    }
    let listed = keys(&mut owner, tenant.id).await;
    let kinds: Vec<_> = listed.iter().map(|key| (key.kind, key.livemode, key.expires, key.last4.as_str())).collect();
    for (kind, key) in [(KeyKind::Secret, secret), (KeyKind::Publishable, publishable)] {
        assert!(kinds.contains(&(kind, false, None, &key[key.len() - 4..])), "{kinds:?}");
    }
    let id = &listed.iter().find(|key| key.kind == KeyKind::Secret).unwrap().id;
    // One that ends later still works, and does not get more time by being told to end later still.
    let (soon, later) = (Timestamp::from_seconds(4_000_000_000), Timestamp::from_seconds(4_100_000_000));
    for end in [soon, later] {
        assert!(expire_key(&mut owner, id, end).await);
        assert_eq!(keys(&mut owner, tenant.id).await.iter().find(|key| key.id == *id).unwrap().expires, Some(soon));
    }
    let another = PgIdentity::new(database.pool("florin_service", 1), &KeysConfig::default());
    assert_eq!(another.authenticate(secret).await.unwrap(), Some(caller(KeyKind::Secret)), "it works until then");
    assert!(expire_key(&mut owner, id, now()).await);
    assert!(!expire_key(&mut owner, "key_0000000000000000", now()).await, "there is no such key");
    // The process has known it for ten seconds at most; another one does not know it.
    let another = PgIdentity::new(database.pool("florin_service", 1), &KeysConfig::default());
    assert_eq!(another.authenticate(secret).await.unwrap(), None);
    assert!(
        matches!(add_key(&mut owner, tenant.id, secret, now()).await, Err(AdminError::KeyTaken)),
        "revoked for good"
    );

    let dump = database.connect().await;
    let rows = dump.query("SELECT k::text FROM florin.api_keys k", &[]).await.unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let text: String = row.get(0);
        assert!(!text.contains(&secret[8..30]) && !text.contains(&publishable[8..30]), "a key is stored");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_have_names_of_their_own() {
    let (database, identity, mut owner) = opened().await;
    let one = create_tenant(&mut owner, "one", Settings::default(), now()).await.unwrap();
    let two = create_tenant(&mut owner, "two", Settings::default(), now()).await.unwrap();
    let taken = create_tenant(&mut owner, "one", Settings::default(), now()).await;
    assert!(matches!(taken, Err(AdminError::NameTaken(name)) if name == "one"));
    let mut all = identity.tenants().await.unwrap();
    all.sort_by(|left, right| left.name.cmp(&right.name));
    assert_eq!(all, [one.clone(), two.clone()]);
    assert_eq!(identity.tenant(two.id).await.unwrap(), Some(two.clone()));
    let stranger = TenantId::new(ManualClock::new().now(), &mut SeededEntropy::new(5));
    assert_eq!(identity.tenant(stranger).await.unwrap(), None);
    assert!(matches!(add_key(&mut owner, stranger, "sk_test_x", now()).await, Err(AdminError::NoSuchTenant(_))));
    assert!(matches!(add_key(&mut owner, one.id, "password", now()).await, Err(AdminError::Key(_))));
    add_key(&mut owner, one.id, "sk_test_demo", now()).await.unwrap();
    assert!(matches!(add_key(&mut owner, two.id, "sk_test_demo", now()).await, Err(AdminError::KeyTaken)));
    assert_eq!(publishable_of("sk_test_demo").as_deref(), Some("pk_test_demo"));

    let superuser = database.connect().await;
    let sql = "UPDATE florin.tenants SET deleted_at = now() WHERE id = $1";
    superuser.execute(sql, &[&one.id.0]).await.unwrap();
    assert_eq!(identity.tenants().await.unwrap(), [two]);
    assert_eq!(identity.tenant(one.id).await.unwrap(), None);
    assert_eq!(identity.authenticate("sk_test_demo").await.unwrap(), None, "the keys of a deleted tenant do not work");
    create_tenant(&mut owner, "one", Settings::default(), now()).await.expect("the name is free again");
}

/// The server's role could add keys to any tenant, and bring back revoked ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_reads_tenants_and_keys_and_writes_neither() {
    let (database, identity, mut owner) = opened().await;
    let tenant = create_tenant(&mut owner, "shop", Settings::default(), now()).await.unwrap();
    add_key(&mut owner, tenant.id, "sk_test_demo", now()).await.unwrap();
    assert!(identity.authenticate("sk_test_demo").await.unwrap().is_some());
    let service = database.pool("florin_service", 1).get().await.unwrap();
    for forbidden in [
        "INSERT INTO florin.tenants SELECT gen_random_uuid(), 'mine', now(), '{}'",
        "UPDATE florin.tenants SET deleted_at = NULL",
        "UPDATE florin.tenants SET settings = '{}'",
        "DELETE FROM florin.tenants",
        "INSERT INTO florin.api_keys SELECT sha256('x'), id, 'secret', false, '', now() FROM florin.tenants",
        "UPDATE florin.api_keys SET expires_at = NULL",
        "DELETE FROM florin.api_keys",
        "TRUNCATE florin.api_keys, florin.tenants",
        "ALTER TABLE florin.api_keys ADD COLUMN x int",
        "DO $$ BEGIN LOCK TABLE florin.tenants IN ROW EXCLUSIVE MODE; END $$",
        "DO $$ BEGIN LOCK TABLE florin.api_keys IN ROW EXCLUSIVE MODE; END $$",
    ] {
        let error = service.batch_execute(forbidden).await.expect_err(forbidden);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{forbidden}");
    }
    assert_eq!(admin::excessive_privileges(&service).await.unwrap(), Some(Vec::new()));
    owner.batch_execute("GRANT UPDATE (expires_at), INSERT ON florin.api_keys TO florin_service").await.unwrap();
    let expected = ["florin.api_keys INSERT".to_owned(), "florin.api_keys UPDATE".to_owned()];
    assert_eq!(admin::excessive_privileges(&service).await.unwrap(), Some(expected.to_vec()));
}
