//! The roles of PostgreSQL that own, serve and read the books: making them.

use platform::database::store::{ANALYST_ROLE, MIGRATION_LOCK, OWNER_ROLE, SERVICE_ROLE};
use platform::database::with_causes;
use tokio_postgres::{Client, Error};

/// How long PostgreSQL keeps the rows of before for an analyst's query, or for a transaction that waits for the next one.
/// All that is changed meanwhile becomes slower to read.
pub(super) const ANALYST_LIMITS: [(&str, &str); 2] =
    [("statement_timeout", "60s"), ("idle_in_transaction_session_timeout", "60s")];

/// The functions that take locks: they order the writers of a tenant's books.
pub(super) const LOCKS: &str = "^pg_(try_)?advisory_(xact_)?lock(_shared)?$";

/// Functions that PostgreSQL lets every role call and that are not for analysts: a pattern of their names, what could be done by
/// them, and the roles that keep them.
const RESERVED: &[(&str, &str, &[&str])] = &[
    (LOCKS, "take locks that hold up payments", &[OWNER_ROLE, SERVICE_ROLE]),
    ("^(lo_.*|loread|lowrite)$", "fill the disk with large objects", &[]),
    ("^pg_logical_emit_message$", "fill the write-ahead log", &[OWNER_ROLE]),
];

/// The SQL that makes the roles, and that an administrator runs once in the database. It changes nothing that is there
/// already. Who runs it is a superuser, or has CREATEROLE and owns the database: then PostgreSQL only warns of what it does not
/// take away.
pub fn roles_sql() -> String {
    let limits =
        ANALYST_LIMITS.map(|(name, value)| format!(" ALTER ROLE {ANALYST_ROLE} SET {name} = '{value}';")).concat();
    let roles = [
        (OWNER_ROLE, "Owns the tables, migrates them, and adds tenants and keys.", ""),
        (SERVICE_ROLE, "The server. It is a member of no other role, nor is another a member of it.", ""),
        (ANALYST_ROLE, "People who analyse: it reads SQL views, and nothing else.", limits.as_str()),
    ];
    let roles: String = roles
        .iter()
        .map(|(role, about, settings)| {
            format!(
                "    -- {about}
    IF to_regrole('{role}') IS NULL THEN
        BEGIN
            CREATE ROLE {role} LOGIN;{settings}
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;\n"
            )
        })
        .collect();
    let reserved: String = RESERVED
        .iter()
        .map(|(pattern, harm, keep)| {
            let revoked = format!(
                "    -- They could {harm}.
    FOR called IN {OPEN_TO_PUBLIC} AND proname ~ '{pattern}' LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', called);
    END LOOP;\n"
            );
            // Also what was taken away by mistake. A warning that the administrator may not do that must not undo the rest.
            let kept = keep.iter().map(|role| {
                format!(
                    "    FOR called IN SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
        AND proname ~ '{pattern}' AND NOT has_function_privilege('{role}', oid, 'EXECUTE') LOOP
        BEGIN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO {role}', called);
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE WARNING '{role} may not call %: only a superuser can grant that', called;
        END;
    END LOOP;\n"
                )
            });
            revoked + &kept.collect::<String>()
        })
        .collect();
    format!(
        "-- The roles of Florin, made once by an administrator, in the database that Florin is to have:
--     florin migrate --print-roles | psql --dbname florin
-- A superuser makes all of it; one who has CREATEROLE and owns the database, all but what is taken from PUBLIC in the end, of which
-- PostgreSQL warns. What is there already stays as it is. The roles have no passwords yet: psql's \\password sets them.
DO $$
DECLARE
    here name := current_database();
    called regprocedure;
BEGIN
{roles}    EXECUTE format('GRANT CONNECT ON DATABASE %I TO {OWNER_ROLE}, {SERVICE_ROLE}, {ANALYST_ROLE}', here);
    EXECUTE format('GRANT CREATE ON DATABASE %I TO {OWNER_ROLE}', here);
    -- What PostgreSQL lets every role do in a new database, and analysts could do harm by.
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', here);
    IF (SELECT has_schema_privilege('public', oid, 'CREATE') FROM pg_namespace WHERE nspname = 'public') THEN
        -- Before PostgreSQL 15; and since then in a database that was made before.
        REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    END IF;
{reserved}END $$;
"
    )
}

/// PostgreSQL's own functions that every role may call.
const OPEN_TO_PUBLIC: &str = "SELECT oid FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND has_function_privilege('public', oid, 'EXECUTE')";

/// Why the tables cannot be migrated by this user.
#[derive(Debug, thiserror::Error)]
pub enum RolesError {
    #[error("PostgreSQL refused: {}", with_causes(.0))]
    Database(#[from] Error),
    #[error(
        "{user} cannot migrate the database {database}: {}. An administrator has to run the SQL of `florin migrate \
         --print-roles` once in that database",
        .lacking.join("; ")
    )]
    Lacking { user: String, database: String, lacking: Vec<String> },
}

/// The roles as they are.
struct Survey {
    user: String,
    database: String,
    superuser: bool,
    /// A superuser may too.
    may_create_roles: bool,
    missing: Vec<String>,
    may_act_for_owner: bool,
    owner_may_create: bool,
    /// Something that PUBLIC may do in the database or in the schema `public`, as its owner.
    can_take_away: bool,
    /// What analysts could do harm by.
    harm: Vec<&'static str>,
}

/// From PostgreSQL 16 on a member of a role acts for it only if that was granted with the option SET.
const MAY_ACT_FOR: &str =
    "pg_has_role(oid, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)";

impl Survey {
    async fn of(client: &Client) -> Result<Survey, Error> {
        let sql = format!(
            "SELECT current_user::text, current_database()::text, u.rolsuper, u.rolsuper OR u.rolcreaterole,
                ARRAY(SELECT name FROM UNNEST($1::text[]) name WHERE to_regrole(name) IS NULL),
                coalesce((SELECT {MAY_ACT_FOR} FROM pg_roles WHERE rolname = $2), false),
                coalesce((SELECT has_database_privilege(oid, current_database(), 'CREATE')
                    FROM pg_roles WHERE rolname = $2), false),
                d.temporary, d.temporary AND d.owned OR n.open AND n.owned, n.open,
                ARRAY(SELECT EXISTS ({OPEN_TO_PUBLIC} AND proname ~ pattern) FROM UNNEST($3::text[]) pattern)
            FROM pg_roles u CROSS JOIN (
                SELECT has_database_privilege('public', oid, 'TEMPORARY') AS temporary, pg_has_role(datdba, 'USAGE') AS owned
                FROM pg_database WHERE datname = current_database()
            ) d LEFT JOIN (
                SELECT has_schema_privilege('public', oid, 'CREATE') AS open, pg_has_role(nspowner, 'USAGE') AS owned
                FROM pg_namespace WHERE nspname = 'public'
            ) n ON true
            WHERE u.rolname = current_user"
        );
        let roles: &[&str] = &[OWNER_ROLE, SERVICE_ROLE, ANALYST_ROLE];
        let patterns: Vec<&str> = RESERVED.iter().map(|(pattern, ..)| *pattern).collect();
        let row = client.query_one(&sql, &[&roles, &OWNER_ROLE, &patterns]).await?;
        let of_public = [
            (row.try_get::<_, Option<bool>>(7)?, "fill the disk with temporary tables"),
            (row.try_get(9)?, "fill the disk with tables, and put functions where others look for theirs"),
        ];
        let of_public = of_public.into_iter().filter_map(|(open, harm)| (open == Some(true)).then_some(harm));
        let functions: Vec<bool> = row.try_get(10)?;
        let functions = RESERVED.iter().zip(functions).filter_map(|((_, harm, _), open)| open.then_some(*harm));
        Ok(Survey {
            user: row.try_get(0)?,
            database: row.try_get(1)?,
            superuser: row.try_get(2)?,
            may_create_roles: row.try_get(3)?,
            missing: row.try_get(4)?,
            may_act_for_owner: row.try_get(5)?,
            owner_may_create: row.try_get(6)?,
            can_take_away: row.try_get::<_, Option<bool>>(8)?.unwrap_or_default(),
            harm: of_public.chain(functions).collect(),
        })
    }

    /// Whether the user can make what is missing, or take away what is too much.
    fn can_do_more(&self) -> bool {
        (self.may_create_roles && !self.lacking().is_empty())
            || (self.superuser && !self.harm.is_empty())
            || (self.can_take_away && self.missing.is_empty())
    }

    /// What keeps the user from migrating.
    fn lacking(&self) -> Vec<String> {
        let mut lacking: Vec<String> = self.missing.iter().map(|role| format!("there is no role {role}")).collect();
        let has_owner = !self.missing.iter().any(|role| role == OWNER_ROLE);
        if has_owner && !self.may_act_for_owner {
            lacking.push(format!("it may not act for {OWNER_ROLE}: log in as that role, or GRANT {OWNER_ROLE} TO it"));
        }
        if has_owner && !self.owner_may_create {
            lacking.push(format!("{OWNER_ROLE} may not create schemas there"));
        }
        lacking
    }
}

/// Makes the roles if they are missing and this connection may make them; otherwise it only has to be able to act for
/// `florin_owner`, and what it lacks is the error. Returns what analysts could still do harm by.
pub async fn ensure_roles(client: &Client) -> Result<Vec<&'static str>, RolesError> {
    let mut found = Survey::of(client).await?;
    if found.can_do_more() {
        // One process after the other: all statements are one transaction. Only a superuser may take the lock for certain.
        let alone =
            if found.superuser { format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK});") } else { String::new() };
        client.batch_execute(&(alone + &roles_sql())).await?;
        act_for(client, OWNER_ROLE).await?;
        found = Survey::of(client).await?;
    }
    let lacking = found.lacking();
    if !lacking.is_empty() {
        return Err(RolesError::Lacking { user: found.user, database: found.database, lacking });
    }
    Ok(found.harm)
}

/// Lets the connection's user act for a role, if it may not yet. From PostgreSQL 16 on a role that creates another one may grant
/// it, and so let itself act for it.
async fn act_for(client: &Client, role: &str) -> Result<(), Error> {
    let sql = format!("SELECT {MAY_ACT_FOR} FROM pg_roles WHERE rolname = $1");
    let found = client.query_opt(&sql, &[&role]).await?;
    match found.map(|row| row.try_get(0)).transpose()? {
        Some(false) => client.batch_execute(&format!("GRANT {role} TO CURRENT_USER")).await,
        _ => Ok(()),
    }
}

/// Lets the connection's user act for the server's role too. Only for development: a server logs in as that role.
pub async fn act_for_service(client: &Client) -> Result<(), Error> {
    act_for(client, SERVICE_ROLE).await
}

/// What keeps the connection's user from migrating; empty if nothing does.
pub async fn lacking(client: &Client) -> Result<Vec<String>, Error> {
    Ok(Survey::of(client).await?.lacking())
}

/// What analysts could do harm by, because PostgreSQL lets every role do it; empty once that is taken away.
pub async fn harm(client: &Client) -> Result<Vec<&'static str>, Error> {
    Ok(Survey::of(client).await?.harm)
}
