//! The role that owns the tables, as migrations, tenants and keys use it.

use super::{Check, Verdict, store as facts};
use platform::database::store::OWNER_ROLE;
use platform::database::{Client, DatabaseConfig};
use platform::error_text::with_causes;

/// Of what belongs to others so much is named.
const NAMED: usize = 5;

/// `server` is a connection of the server's, if there is one: both have to be of one database.
pub async fn check(database: &DatabaseConfig, server: Option<&Client>) -> Check {
    const NAME: &str = "owner";
    let is_set = !database.owner_url.is_empty();
    if !is_set && database.url.is_empty() {
        return Check::skipped(NAME, "no database is configured");
    }
    let owner = match database.connect_as_owner().await {
        Ok(owner) => owner,
        Err(error) => {
            return Check::broken(NAME, with_causes(&error), "correct database.owner_url, or let that user log in");
        }
    };
    let lacking = match ledger::admin::lacking(&owner).await {
        Ok(lacking) => lacking,
        Err(error) => return Check::failed(NAME, &error),
    };
    if !lacking.is_empty() && !is_set {
        let found = "database.owner_url is not set, and the server's role is not the owner";
        return Check::new(
            NAME,
            Verdict::Warning,
            found,
            "set it where `florin migrate`, `tenants` and `keys` are run",
        );
    }
    if !lacking.is_empty() {
        let advice = "an administrator runs the SQL of `florin migrate --print-roles` once in the database";
        return Check::broken(NAME, lacking.join("; "), advice);
    }
    if let Some(server) = server {
        match (facts::place(server).await, facts::place(&owner).await) {
            (Ok(one), Ok(other)) if one == other => {}
            (Ok(_), Ok(_)) => {
                let found = "database.url and database.owner_url are two databases, or two servers";
                return Check::broken(NAME, found, "name the same one in both");
            }
            (Err(error), _) | (_, Err(error)) => return Check::failed(NAME, &error),
        }
    }
    match facts::not_owned(&owner).await {
        Ok(others) if others.is_empty() => {}
        Ok(others) => {
            let some = others.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = if others.len() > NAMED { format!(" and {} more", others.len() - NAMED) } else { String::new() };
            let advice = format!("have a superuser make {OWNER_ROLE} their owner: migrations cannot change them");
            return Check::broken(NAME, some + &more, advice);
        }
        Err(error) => return Check::failed(NAME, &error),
    }
    Check::ok(NAME, format!("can migrate and create tenants, at {}", database.owner_url()))
}
