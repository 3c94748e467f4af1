//! `florin keys create|list|roll|revoke`.

use super::Command;
use crate::administration::{Administration, Work};
use crate::arguments::{KeyPlace, WhichDatabase};
use crate::exit_code::{Code, Failure};
use crate::output::{Output, shown_time, table};
use clap::{Args, Subcommand};
use contracts::KeyKind;
use contracts::identity::Tenant;
use identity::admin::{self, KeyRecord};
use identity::new_key;
use platform::Secret;
use serde_json::{Value, json};
use std::time::Duration;
use types::{SystemEntropy, Timestamp};

/// The longest time that a key may still work after another has taken its place.
const ROLLED_MAX: Duration = Duration::from_secs(7 * 86_400);

/// Create, list, roll and revoke the keys of tenants, directly in the database.
#[derive(Debug, Args)]
pub struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key for a tenant and print it; it is not shown again.
    Create {
        #[command(flatten)]
        database: WhichDatabase,
        /// The tenant's name or id.
        tenant: String,
        /// Make a live key, not a test key.
        #[arg(long)]
        live: bool,
        /// Make a publishable key, not a secret key.
        #[arg(long, conflicts_with = "secret_key_file")]
        publishable: bool,
        #[command(flatten)]
        place: KeyPlace,
    },
    /// List a tenant's keys: what they are, and not the keys themselves.
    List {
        #[command(flatten)]
        database: WhichDatabase,
        /// The tenant's name or id.
        tenant: String,
    },
    /// Make a key that takes another one's place, which works for a while yet.
    Roll {
        #[command(flatten)]
        database: WhichDatabase,
        /// The id of the key that is to be replaced: `key_…`, from `florin keys list`.
        key: String,
        /// How long that key still works: `now`, or a time such as 30m, 24h or 7d, which is the longest.
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        expires_in: Duration,
        #[command(flatten)]
        place: KeyPlace,
    },
    /// Have a key work no more; servers notice within ten seconds.
    Revoke {
        #[command(flatten)]
        database: WhichDatabase,
        /// The key's id: `key_…`, from `florin keys list`.
        key: String,
    },
}

impl Command for Keys {
    async fn run(&self, output: Output) -> anyhow::Result<Code> {
        let (Action::Create { database, .. }
        | Action::List { database, .. }
        | Action::Roll { database, .. }
        | Action::Revoke { database, .. }) = &self.action;
        let mut administration = Administration::connect(&database.require()?).await?;
        let work = match &self.action {
            Action::List { .. } => administration.look().await?,
            _ => administration.begin().await?,
        };
        match &self.action {
            Action::Create { tenant, live, publishable, place, .. } => {
                let kind = if *publishable { KeyKind::Publishable } else { KeyKind::Secret };
                let tenant = work.tenant(tenant).await?;
                let key = added(&work, &tenant, kind, *live).await?;
                place.show(&tenant, &[(kind, key.reveal())], json!({}), None, output)?;
                work.keep().await?;
            }
            Action::List { tenant, .. } => {
                let tenant = work.tenant(tenant).await?;
                list(&admin::keys(&work.transaction, tenant.id).await?, work.now, output)?;
            }
            Action::Roll { key, expires_in, place, .. } => roll(work, key, *expires_in, place, output).await?,
            Action::Revoke { key, .. } => {
                let record = found(&work, key).await?;
                admin::expire_key(&work.transaction, &record.id, work.now).await?;
                let now = work.now;
                work.keep().await?;
                let record = KeyRecord { expires: Some(record.expires.map_or(now, |at| at.min(now))), ..record };
                output.print(&describe(&record), || format!("{} is revoked", record.id))?;
            }
        }
        Ok(Code::Ok)
    }
}

async fn added(work: &Work<'_>, tenant: &Tenant, kind: KeyKind, live: bool) -> anyhow::Result<Secret> {
    let key = new_key(kind, live, &mut SystemEntropy::new());
    work.add_key(tenant, key.reveal()).await?;
    Ok(key)
}

async fn roll(work: Work<'_>, key: &str, expires_in: Duration, place: &KeyPlace, output: Output) -> anyhow::Result<()> {
    let old = found(&work, key).await?;
    if let Some(at) = old.expires {
        let shown = shown_time(at);
        return Err(Failure::usage(format!("{} has an end already, {shown}; create another key instead", old.id)));
    }
    let tenant = work.tenant(&old.tenant.to_string()).await?;
    let key = added(&work, &tenant, old.kind, old.livemode).await?;
    let expires = work.now.plus(expires_in);
    admin::expire_key(&work.transaction, &old.id, expires).await?;
    let old = KeyRecord { expires: Some(expires), ..old };
    let note = format!("{} works until {}", old.id, shown_time(expires));
    let document = json!({ "replaces": describe(&old) });
    place.show(&tenant, &[(old.kind, key.reveal())], document, Some(note), output)?;
    work.keep().await
}

async fn found(work: &Work<'_>, id: &str) -> anyhow::Result<KeyRecord> {
    let record = admin::key(&work.transaction, id).await?;
    record.ok_or_else(|| Failure::usage(format!("there is no key {id:?}; `florin keys list` shows a tenant's keys")))
}

fn list(keys: &[KeyRecord], now: Timestamp, output: Output) -> anyhow::Result<()> {
    output.print(&keys.iter().map(describe).collect::<Vec<_>>(), || {
        if keys.is_empty() {
            return "no keys; `florin keys create` makes one".to_owned();
        }
        let row = |key: &KeyRecord| {
            let mode = if key.livemode { "live" } else { "test" };
            let expires = match key.expires {
                Some(at) if at <= now => format!("ended {}", shown_time(at)),
                Some(at) => shown_time(at),
                None => "-".to_owned(),
            };
            vec![
                key.id.clone(),
                key.kind.name().to_owned(),
                mode.to_owned(),
                format!("…{}", key.last4),
                shown_time(key.created),
                expires,
            ]
        };
        table(&["ID", "KIND", "MODE", "LAST 4", "CREATED", "EXPIRES"], &keys.iter().map(row).collect::<Vec<_>>(), &[])
    })
}

fn describe(key: &KeyRecord) -> Value {
    json!({
        "id": key.id,
        "tenant": key.tenant.to_string(),
        "kind": key.kind,
        "livemode": key.livemode,
        "last4": key.last4,
        "created": key.created.seconds(),
        "expires_at": key.expires.map(Timestamp::seconds),
    })
}

/// `now`, or a number with `s`, `m`, `h` or `d`.
fn parse_time(text: &str) -> Result<Duration, String> {
    if text == "now" {
        return Ok(Duration::ZERO);
    }
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => 0,
    };
    let number = text.get(..text.len().saturating_sub(1)).and_then(|number| number.parse::<u64>().ok());
    let time = number.filter(|_| unit > 0).and_then(|number| number.checked_mul(unit)).map(Duration::from_secs);
    time.filter(|time| *time <= ROLLED_MAX).ok_or_else(|| "`now`, or a time up to 7d: 90s, 30m, 24h or 7d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times() {
        for (text, seconds) in [
            ("now", Some(0)),
            ("90s", Some(90)),
            ("24h", Some(86_400)),
            ("7d", Some(604_800)),
            ("8d", None),
            ("5", None),
        ] {
            assert_eq!(parse_time(text).ok().map(|time| time.as_secs()), seconds, "{text}");
        }
        for wrong in ["", "d", "-1d", "1w", "1.5h", "99999999999999999999d", "9999999999999999d", "1é"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }
}
