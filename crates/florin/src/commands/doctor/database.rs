//! PostgreSQL as the server finds it.

use super::{Check, Verdict, owner, rights, store as facts};
use crate::config::Config;
use crate::exit_code::explain;
use crate::migrations;
use crate::private_postgres::installations::OLDEST;
use platform::database::store::{self, ServerFacts};
use platform::database::{CLOCK_SKEW_MAX, Client, DatabaseClock, DatabaseConfig, DatabaseError};
use platform::error_text::with_causes;
use std::sync::Arc;
use types::{Clock, SystemClock};

/// Everything about a database, under the server's role and the owner's.
pub async fn checks(database: &DatabaseConfig, config: &Config) -> Vec<Check> {
    if database.url.is_empty() {
        let mut checks =
            vec![Check::skipped("database", "database.url is not set: no server can use this configuration")];
        checks.push(owner::check(database, None).await);
        return checks;
    }
    let unreachable = |error: &(dyn std::error::Error + 'static)| {
        let advice = "start PostgreSQL, or correct database.url, the user's password, or pg_hba.conf";
        Check::broken("database", with_causes(error), advice)
    };
    let client = match database.connect().await {
        Ok(client) => client,
        Err(error) => return vec![unreachable(&error), owner::check(database, None).await],
    };
    let found = match store::server_facts(&client).await {
        Ok(found) => found,
        Err(error) => return vec![unreachable(&error)],
    };
    vec![
        server(&found, database),
        primary(&client).await,
        pooling(database).await,
        durability(&found),
        clock(database).await,
        capacity(&client, config).await,
        schema(&client).await,
        tenants(&client).await,
        rights::missing(&client, &found).await,
        rights::too_many(&client, &found).await,
        rights::of_others(&client).await,
        owner::check(database, Some(&client)).await,
        analysts(&client).await,
        public(&client).await,
        views(&client).await,
    ]
}

fn server(found: &ServerFacts, database: &DatabaseConfig) -> Check {
    let shown = format!("PostgreSQL {} at {}", found.version, database.url);
    if u32::try_from(found.version_num / 10_000).is_ok_and(|major| major < OLDEST) {
        Check::broken("database", shown, format!("use PostgreSQL {OLDEST} or newer"))
    } else {
        Check::ok("database", shown)
    }
}

async fn primary(client: &Client) -> Check {
    match facts::is_standby(client).await {
        Ok((true, _)) => {
            let advice = "use the primary; with several hosts in the URL add target_session_attrs=read-write";
            Check::broken("primary", "this server is a standby: it takes no writes", advice)
        }
        Ok((false, true)) => {
            let advice = "reset default_transaction_read_only of the role and of the database";
            Check::broken("primary", "transactions are read-only for this role in this database", advice)
        }
        Ok((false, false)) => Check::ok("primary", "it takes writes"),
        Err(error) => Check::failed("primary", &error),
    }
}

/// Committers rely on prepared statements and on what they have said for a session.
async fn pooling(database: &DatabaseConfig) -> Check {
    const ADVICE: &str = "connect to PostgreSQL itself, or have the pooler pool by session";
    match database.require_sessions().await {
        Ok(()) => {}
        Err(DatabaseError::Pooled) => {
            return Check::broken("pooling", "a pooler gives connections to others after each transaction", ADVICE);
        }
        Err(error) => return Check::broken("pooling", with_causes(&error), ADVICE),
    }
    let settings = async {
        let pool = DatabaseConfig { pool_size: 1, ..database.clone() }.pool().map_err(|error| error.to_string())?;
        let connection = pool.get().await.map_err(|error| with_causes(&error))?;
        facts::plans_as_asked(&connection).await.map_err(|error| with_causes(&error))
    };
    match settings.await {
        Ok(true) => Check::ok("pooling", "connections are sessions of PostgreSQL, with the server's settings"),
        Ok(false) => Check::broken("pooling", "the server's settings of a session do not hold", ADVICE),
        Err(error) => Check::broken("pooling", format!("connections with the server's settings fail: {error}"), ADVICE),
    }
}

fn durability(found: &ServerFacts) -> Check {
    if found.is_durable() {
        Check::ok("durability", "fsync, full_page_writes and synchronous_commit are on")
    } else {
        let off = found.off.join(", ");
        Check::broken(
            "durability",
            format!("off: {off}; payments would be lost"),
            format!("turn on what is off: {off}"),
        )
    }
}

/// The server refuses to write while the two clocks are further apart.
async fn clock(database: &DatabaseConfig) -> Check {
    let clock = match DatabaseClock::start(database.clone(), Arc::new(SystemClock)).await {
        Ok(clock) => clock,
        Err(error) => return Check::failed("clock", &error),
    };
    let found = format!("{} ms ahead of the database server's", clock.skew_ms());
    match clock.vouches_for(clock.now()) {
        Ok(()) => Check::ok("clock", found),
        Err(_) => {
            let advice = format!(
                "set the one that is wrong: nothing is written while they are more than {CLOCK_SKEW_MAX:?} apart"
            );
            Check::broken("clock", found, advice)
        }
    }
}

async fn capacity(client: &Client, config: &Config) -> Check {
    let needed = config.connections();
    match facts::connections(client).await {
        Ok((most, used)) => {
            let found = format!("{needed} connections for each process; PostgreSQL allows {most}, {used} are in use");
            if i64::try_from(needed).is_ok_and(|needed| needed <= most) {
                Check::ok("capacity", found)
            } else {
                let advice = "raise max_connections, or lower database.pool_size; see docs/operations.md";
                Check::broken("capacity", found, advice)
            }
        }
        Err(error) => Check::failed("capacity", &error),
    }
}

async fn schema(client: &Client) -> Check {
    match migrations::usable(client).await {
        Ok(newer) if newer.is_empty() => Check::ok("schema", "up to date"),
        Ok(newer) => Check::ok("schema", newer.join("; ")),
        Err(error) => Check::broken("schema", explain(&error), "see docs/operations.md: Upgrades and rollbacks"),
    }
}

async fn tenants(client: &Client) -> Check {
    if migrations::usable(client).await.is_err() {
        return Check::skipped("tenants", "the schema cannot be used");
    }
    match migrations::unopened(client).await {
        Ok(unopened) if unopened.is_empty() => Check::ok("tenants", "each has books, and this release's SQL views"),
        Ok(unopened) => {
            let found = format!("without books, or with another release's SQL views: {}", unopened.join(", "));
            Check::new("tenants", Verdict::Warning, found, "run `florin migrate`, which says what is in its way")
        }
        Err(error) => Check::broken("tenants", explain(&error), "see why PostgreSQL does not answer that"),
    }
}

async fn views(client: &Client) -> Check {
    match ledger::admin::open_views(client).await {
        Ok(open) if open.is_empty() => Check::ok("views", "they show no more than they should"),
        Ok(open) => {
            let found = format!("conditions of queries see what these leave out: {}", open.join(", "));
            Check::broken("views", found, "as their owner: ALTER VIEW … SET (security_barrier)")
        }
        Err(error) => Check::failed("views", &error),
    }
}

/// What PostgreSQL lets every role do.
async fn public(client: &Client) -> Check {
    match ledger::admin::harm(client).await {
        Ok(harm) if harm.is_empty() => Check::ok("public", "analysts can do no harm by what every role may do"),
        Ok(harm) => {
            let found = format!("analysts could {}", harm.join("; "));
            let advice = "a superuser runs the SQL of `florin migrate --print-roles` in the database";
            Check::new("public", Verdict::Warning, found, advice)
        }
        Err(error) => Check::failed("public", &error),
    }
}

async fn analysts(client: &Client) -> Check {
    match ledger::admin::unlimited_analysts(client).await {
        Ok(unlimited) if unlimited.is_empty() => {
            Check::ok("analysts", "their queries and transactions have a limit of time")
        }
        Ok(unlimited) => {
            let found = "some have no limit of time: long queries and open transactions slow payments down";
            let advice = format!("as the roles' owner: {}", unlimited.join("; "));
            Check::new("analysts", Verdict::Warning, found, advice)
        }
        Err(error) => Check::failed("analysts", &error),
    }
}
