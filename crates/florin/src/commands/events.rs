//! `florin events list`: the newest events.

use super::Command;
use crate::arguments::WhichServer;
use crate::exit_code::Code;
use crate::http_client::{Client, text};
use crate::output::{Output, shown_time, table};
use clap::{Args, Subcommand};
use serde_json::Value;
use types::Timestamp;

/// Look at what happened.
#[derive(Debug, Args)]
pub struct Events {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The newest events.
    List {
        #[command(flatten)]
        server: WhichServer,
        /// How many, up to 100.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
        limit: u8,
        /// Only of this type, for instance charge.succeeded.
        #[arg(long = "type", value_name = "TYPE")]
        event_type: Option<String>,
    },
}

impl Command for Events {
    async fn run(&self, output: Output) -> anyhow::Result<Code> {
        let Action::List { server, limit, event_type } = &self.action;
        let mut query = vec![("limit", limit.to_string())];
        if let Some(event_type) = event_type {
            query.push(("type", event_type.clone()));
        }
        let list = Client::new(server)?.get("/v1/events", &query).await?.ok()?;
        output.print(&list, || describe(&list))?;
        Ok(Code::Ok)
    }
}

fn describe(list: &Value) -> String {
    let events = list.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if events.is_empty() {
        return "no events yet".to_owned();
    }
    let rows: Vec<Vec<String>> = events
        .iter()
        .map(|event| {
            let created = event.get("created").and_then(Value::as_i64).unwrap_or_default();
            vec![
                shown_time(Timestamp::from_seconds(created)),
                text(event, "/type").to_owned(),
                text(event, "/data/object/id").to_owned(),
                text(event, "/id").to_owned(),
            ]
        })
        .collect();
    table(&["CREATED", "TYPE", "OBJECT", "EVENT"], &rows, &[])
}
