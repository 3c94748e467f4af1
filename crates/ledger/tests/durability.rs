//! A commit that is answered is on the disk, whatever PostgreSQL is told to do by default.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use contracts::Ledger as _;
use ledger::CommitterConfig;
use support::{charge, opened, prepared, tenant};
use testkit::TestDatabase;

/// A database whose default was turned off after the server had started lost what had been acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_wait_for_the_disk_whatever_the_default_is() {
    let database = prepared(TestDatabase::start().await).await;
    let admin = database.connect().await;
    let name: String = admin.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    admin
        .batch_execute(
            "CREATE TABLE public.seen (synchronous_commit text);
            GRANT INSERT ON public.seen TO florin_service;
            CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO public.seen VALUES (current_setting('synchronous_commit')); RETURN NULL;
            END $$;
            CREATE TRIGGER see AFTER INSERT ON ledger.log FOR EACH STATEMENT EXECUTE FUNCTION public.see()",
        )
        .await
        .unwrap();
    for (number, (default, expected)) in
        [("off", "on"), ("on", "on"), ("local", "local"), ("remote_apply", "remote_apply")].into_iter().enumerate()
    {
        admin
            .batch_execute(&format!("ALTER DATABASE {name} SET synchronous_commit = {default}; TRUNCATE public.seen"))
            .await
            .unwrap();
        let ledger = opened(&database, CommitterConfig::default());
        ledger.commit(tenant(), charge(number as u64).1).await.unwrap();
        let seen: String =
            admin.query_one("SELECT DISTINCT synchronous_commit FROM public.seen", &[]).await.unwrap().get(0);
        assert_eq!(seen, expected, "with the default {default}");
        ledger.shutdown().await;
    }
}
