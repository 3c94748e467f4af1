//! `florin ledger balances|verify`: the books, read directly in the database.

use crate::cli::Ledger as Command;
use crate::exit::Code;
use crate::output::{Output, table};
use crate::services::Services;
use crate::target;
use contracts::Ledger;
use contracts::identity::Tenant;
use contracts::ledger::Balance;
use ledger::Report;
use serde_json::{Value, json};
use std::sync::Arc;
use types::{Kind, Money};

pub async fn run(command: &Command, output: Output) -> anyhow::Result<Code> {
    let (Command::Balances { books, .. } | Command::Verify { books }) = command;
    let services = Services::on(target::require(&books.database)?)?;
    let tenants = services.tenants(books.tenant.as_deref()).await?;
    match command {
        Command::Balances { prefix, .. } => balances(&services, &tenants, prefix, output).await,
        Command::Verify { .. } => verify(&services, &tenants, output).await,
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

async fn verify(services: &Services, tenants: &[Tenant], output: Output) -> anyhow::Result<Code> {
    let mut reports = Vec::new();
    let mut texts = Vec::new();
    for tenant in tenants {
        let registry = Arc::clone(&services.api);
        let index_of =
            move |kind: Kind, state: &Value| registry.registry.facts(kind).and_then(|facts| (facts.index)(state));
        let report = ledger::verify(&services.pool, tenant.id, Some(&index_of)).await?;
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
        "{name}: {verdict} ({} events, {} objects, {} transfers, {} accounts, {} ms)",
        report.events, report.objects, report.transfers, report.accounts, report.duration_ms
    )];
    lines.extend(report.hash.as_ref().map(|hash| format!("  sha256 {hash}")));
    let told = report.findings.iter();
    lines.extend(told.map(|finding| format!("  {}  {}: {}", finding.check, finding.subject, finding.detail)));
    lines.join("\n")
}

/// Amounts in minor units; the balance is on the side that adds to the account.
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
