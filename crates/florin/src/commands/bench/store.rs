//! The SQL of the benchmark.

use platform::database::{Client, DatabaseError};

/// Bytes of its log that PostgreSQL has written since it was created.
pub async fn wal_position(client: &Client) -> Result<i64, DatabaseError> {
    const POSITION: &str = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::int8";
    Ok(client.query_one(POSITION, &[]).await?.try_get(0)?)
}

/// The process that serves this connection: a child of the postmaster.
pub async fn backend_pid(client: &Client) -> Result<i32, DatabaseError> {
    Ok(client.query_one("SELECT pg_backend_pid()", &[]).await?.try_get(0)?)
}

/// Makes PostgreSQL create files of its log, as many as it keeps, but at most 2 GB. It uses them again later, as a server
/// does that has run for some time; creating one takes tens of milliseconds, in which no commit is possible. Needs a
/// superuser.
pub async fn make_log_files(client: &Client) -> Result<(), DatabaseError> {
    const MISSING: &str = "SELECT least(pg_size_bytes(current_setting('max_wal_size')), 2147483648)
        / pg_size_bytes(current_setting('wal_segment_size')) - (SELECT count(*) FROM pg_ls_waldir())";
    const NEXT: &str = "SELECT pg_switch_wal() FROM pg_logical_emit_message(false, 'florin bench', '')";
    let missing: i64 = client.query_one(MISSING, &[]).await?.try_get(0)?;
    for _ in 0..missing {
        client.execute(NEXT, &[]).await?;
    }
    Ok(())
}

/// Writes changed pages to disk now, so that it is not done during a measurement. Needs `pg_checkpoint`, or a superuser.
pub async fn checkpoint(client: &Client) -> Result<(), DatabaseError> {
    Ok(client.batch_execute("CHECKPOINT").await?)
}

/// The scale of pgbench's tables; `None` when they do not exist or are not finished.
pub async fn pgbench_scale(client: &Client) -> Result<Option<i64>, DatabaseError> {
    const FINISHED: &str = "SELECT EXISTS (SELECT 1 FROM pg_index \
        WHERE indrelid = to_regclass('public.pgbench_accounts') AND indisprimary)";
    if !client.query_one(FINISHED, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    Ok(Some(client.query_one("SELECT count(*) FROM public.pgbench_branches", &[]).await?.try_get(0)?))
}
