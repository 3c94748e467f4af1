//! `florin ledger balances|verify`: the books, read in the database and not through a server.

use super::Command;
use crate::arguments::WhichDatabase;
use crate::exit_code::{Code, Failure};
use crate::output::{Output, table};
use crate::services::Services;
use clap::{Args, Subcommand};
use contracts::Ledger as _;
use contracts::identity::Tenant;
use contracts::ledger::Balance;
use ledger::{KeptHead, Report};
use serde_json::{Value, json};
use std::sync::Arc;
use types::{Kind, Money};

/// Look at the books, directly in the database.
#[derive(Debug, Args)]
pub struct Ledger {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Balances of the accounts.
    Balances {
        #[command(flatten)]
        books: Books,
        /// Only accounts whose code begins with this.
        #[arg(long, default_value = "")]
        prefix: String,
    },
    /// Replay the whole log, and prove that the stored balances and objects follow from it.
    Verify {
        #[command(flatten)]
        books: Books,
        /// The head that an earlier verification printed: fails unless the log still has exactly that row.
        #[arg(long, value_name = "POSITION:HASH")]
        since: Option<KeptHead>,
    },
}

#[derive(Debug, Args)]
struct Books {
    #[command(flatten)]
    database: WhichDatabase,
    /// Tenant by id or name; every tenant by default.
    #[arg(long)]
    tenant: Option<String>,
}

impl Command for Ledger {
    async fn run(&self, output: Output) -> anyhow::Result<Code> {
        let (Action::Balances { books, .. } | Action::Verify { books, .. }) = &self.action;
        let services = Services::on(books.database.require()?).await?;
        let tenants = services.tenants(books.tenant.as_deref()).await?;
        match &self.action {
            Action::Balances { prefix, .. } => balances(&services, &tenants, prefix, output).await,
            Action::Verify { since, .. } => verify(&services, &tenants, since.as_ref(), output).await,
        }
    }
}

async fn balances(services: &Services, tenants: &[Tenant], prefix: &str, output: Output) -> anyhow::Result<Code> {
    let mut documents = Vec::new();
    let mut texts = Vec::new();
    for tenant in tenants {
        let balances = services.ledger.balances(tenant.id, prefix).await?;
        documents.push(json!({
            "tenant": tenant.id.to_string(),
            "name": tenant.name,
            "accounts": balances.iter().map(describe).collect::<Vec<_>>(),
        }));
        let rows: Vec<Vec<String>> = balances.iter().map(row).collect();
        texts.push(if rows.is_empty() {
            format!("{}: no accounts yet", tenant.name)
        } else {
            let header = ["ACCOUNT", "DEBITS", "CREDITS", "BALANCE", "PENDING DEBITS", "PENDING CREDITS", "CURRENCY"];
            format!("{}\n{}", tenant.name, table(&header, &rows, &header[1..6]))
        });
    }
    output.print(&documents, || texts.join("\n\n"))?;
    Ok(Code::Ok)
}

async fn verify(
    services: &Services,
    tenants: &[Tenant],
    since: Option<&KeptHead>,
    output: Output,
) -> anyhow::Result<Code> {
    if since.is_some() && tenants.len() != 1 {
        return Err(Failure::usage("--since is of one tenant's log; name the tenant with --tenant"));
    }
    let mut reports = Vec::new();
    let mut texts = Vec::new();
    for tenant in tenants {
        let api = Arc::clone(&services.api);
        let index_of =
            move |kind: Kind, state: &Value| api.services.kinds.facts(kind).and_then(|facts| (facts.index)(state));
        let report = ledger::verify_since(&services.pool, tenant.id, Some(&index_of), since).await?;
        texts.push(explain(&tenant.name, &report));
        reports.push(report);
    }
    output.print(&reports, || texts.join("\n\n"))?;
    Ok(if reports.iter().all(Report::is_sound) { Code::Ok } else { Code::Differences })
}

fn explain(name: &str, report: &Report) -> String {
    let verdict = match report.findings_total {
        0 => "sound".to_owned(),
        1 => "1 DIFFERENCE".to_owned(),
        many => format!("{many} DIFFERENCES"),
    };
    let mut lines = vec![format!(
        "{name}: {verdict} up to position {} ({} events, {} objects, {} transfers, {} accounts, {} ms)",
        report.position, report.events, report.objects, report.transfers, report.accounts, report.duration_ms
    )];
    lines.extend(report.head.as_ref().map(|head| format!("  head {head}")));
    let findings = report.findings.iter();
    lines.extend(findings.map(|finding| format!("  {}  {}: {}", finding.check, finding.subject, finding.detail)));
    lines.join("\n")
}

/// A balance as JSON: amounts in minor units; `balance` is positive on the side that adds to the account.
fn describe(balance: &Balance) -> Value {
    json!({
        "account": balance.account.code,
        "currency": balance.currency(),
        "debits_posted": balance.debits_posted,
        "credits_posted": balance.credits_posted,
        "debits_pending": balance.debits_pending,
        "credits_pending": balance.credits_pending,
        "balance": balance.normal_balance(),
    })
}

fn row(balance: &Balance) -> Vec<String> {
    let currency = balance.currency();
    let major = |amount: i64| {
        let shown = Money::new(amount, currency).to_string();
        shown.strip_suffix(&format!(" {currency}")).map_or(shown.clone(), str::to_owned)
    };
    vec![
        balance.account.code.to_string(),
        major(balance.debits_posted),
        major(balance.credits_posted),
        major(balance.normal_balance()),
        major(balance.debits_pending),
        major(balance.credits_pending),
        currency.to_string(),
    ]
}
