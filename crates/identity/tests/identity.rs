//! Tenants and keys on a clean database.

#![allow(clippy::unwrap_used)]

use contracts::{Caller, Identity, KeyKind, Settings};
use identity::{AddError, PgIdentity, migrate, new_key_pair, publishable_of};
use std::sync::Arc;
use testkit::{ManualClock, TestDatabase};
use types::{Clock, SeededEntropy, TenantId};

/// Roles belong to the server, not to a database: another test may create them at the same time.
const ROLES: &str = "DO $$ BEGIN CREATE ROLE florin_owner LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
    DO $$ BEGIN CREATE ROLE florin_service LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;";

async fn opened() -> (TestDatabase, Arc<PgIdentity>) {
    let database = TestDatabase::start().await;
    let mut admin = database.connect().await;
    admin.batch_execute(ROLES).await.unwrap();
    let name: String = admin.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    admin.batch_execute(&format!("GRANT CREATE ON DATABASE {name} TO florin_owner")).await.unwrap();
    migrate(&mut admin).await.unwrap();
    migrate(&mut admin).await.unwrap();
    let identity = PgIdentity::new(database.pool("florin_service", 4), ManualClock::new());
    (database, identity)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_belongs_to_its_tenant_until_it_is_revoked() {
    let (database, identity) = opened().await;
    let settings = Settings { country: "DE".to_owned(), ..Settings::default() };
    let tenant = identity.create_tenant("shop", settings).await.unwrap();
    assert_eq!(tenant.created, ManualClock::new().now());
    let pair = new_key_pair(false, &mut SeededEntropy::new(1));
    let (secret, publishable) = (pair.secret.reveal(), pair.publishable.as_str());
    assert_eq!(identity.authenticate(secret).await.unwrap(), None);
    identity.add_key(tenant.id, secret).await.unwrap();
    identity.add_key(tenant.id, publishable).await.unwrap();
    identity.add_key(tenant.id, secret).await.expect("adding it again changes nothing");
    let caller = |key| Caller { tenant: Arc::new(tenant.clone()), key, livemode: false };
    for _ in 0..2 {
        assert_eq!(identity.authenticate(secret).await.unwrap(), Some(caller(KeyKind::Secret)));
        assert_eq!(identity.authenticate(publishable).await.unwrap(), Some(caller(KeyKind::Publishable)));
    }
    for unknown in ["", "sk_test_", "sk_test_other", "\0", "sk_live_x", "Bearer sk_test_x"] {
        assert_eq!(identity.authenticate(unknown).await.unwrap(), None);
    }
    assert!(identity.revoke_key(secret).await.unwrap());
    assert!(!identity.revoke_key(secret).await.unwrap());
    assert_eq!(identity.authenticate(secret).await.unwrap(), None);
    assert!(matches!(identity.add_key(tenant.id, secret).await, Err(AddError::KeyTaken)), "revoked for good");

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
    let (database, identity) = opened().await;
    let one = identity.create_tenant("one", Settings::default()).await.unwrap();
    let two = identity.create_tenant("two", Settings::default()).await.unwrap();
    let taken = identity.create_tenant("one", Settings::default()).await;
    assert!(matches!(taken, Err(AddError::NameTaken(name)) if name == "one"));
    let mut all = identity.tenants().await.unwrap();
    all.sort_by(|left, right| left.name.cmp(&right.name));
    assert_eq!(all, [one.clone(), two.clone()]);
    assert_eq!(identity.tenant(two.id).await.unwrap(), Some(two.clone()));
    assert_eq!(identity.tenant_by_name("one").await.unwrap(), Some(one.clone()));
    assert_eq!(identity.tenant_by_name("three").await.unwrap(), None);
    let stranger = TenantId::new(ManualClock::new().now(), &mut SeededEntropy::new(5));
    assert_eq!(identity.tenant(stranger).await.unwrap(), None);
    assert!(matches!(identity.add_key(stranger, "sk_test_x").await, Err(AddError::NoSuchTenant(_))));
    assert!(matches!(identity.add_key(one.id, "password").await, Err(AddError::Key(_))));
    identity.add_key(one.id, "sk_test_demo").await.unwrap();
    assert!(matches!(identity.add_key(two.id, "sk_test_demo").await, Err(AddError::KeyTaken)));
    assert_eq!(publishable_of("sk_test_demo").as_deref(), Some("pk_test_demo"));

    let superuser = database.connect().await;
    let sql = "UPDATE florin.tenants SET deleted_at = now() WHERE id = $1";
    superuser.execute(sql, &[&one.id.0]).await.unwrap();
    assert_eq!(identity.tenants().await.unwrap(), [two]);
    assert_eq!(identity.tenant(one.id).await.unwrap(), None);
    assert_eq!(identity.authenticate("sk_test_demo").await.unwrap(), None, "the keys of a deleted tenant do not work");
    identity.create_tenant("one", Settings::default()).await.expect("the name is free again");
}
