//! Who serves a connection, and whether it may write.

use tokio_postgres::{Client, Error};

/// Which process of PostgreSQL serves this connection, whether it is a standby, and whether a new session of this role in this
/// database may only read, as its administrator has set it since this one began. What `postgresql.conf` says, a session follows by
/// itself.
const SESSION: &str = "SELECT pg_backend_pid(), pg_is_in_recovery(), coalesce((
        SELECT split_part(c.setting, '=', 2)::bool
        FROM pg_db_role_setting s CROSS JOIN LATERAL UNNEST(s.setconfig) AS c (setting)
        WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
            AND s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = session_user))
            AND c.setting LIKE 'default_transaction_read_only=%'
        ORDER BY s.setrole = 0, s.setdatabase = 0 LIMIT 1
    ), false)";

/// A connection's session.
pub(crate) struct Session {
    /// The process of PostgreSQL.
    pub backend: i32,
    /// Why nothing may be written.
    pub fence: Option<&'static str>,
}

impl Session {
    /// Asked anew: that a new session could only read holds for the older ones, too.
    pub async fn of(client: &Client) -> Result<Self, Error> {
        let rows = client.query_typed(SESSION, &[]).await?;
        let Some(row) = rows.first() else { return Ok(Session { backend: 0, fence: None }) };
        let (backend, is_standby, fenced) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let fence = match (is_standby, fenced) {
            // Its books may be old: a commit that is there already would be refused by them.
            (true, _) => Some("the server is a standby"),
            (false, true) => Some("default_transaction_read_only is on for new sessions"),
            (false, false) => None,
        };
        Ok(Session { backend, fence })
    }
}
