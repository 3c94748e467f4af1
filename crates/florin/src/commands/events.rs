//! `florin events list`: what happened, the newest first.

use crate::cli::Events;
use crate::client::{Client, text};
use crate::exit::Code;
use crate::output::{Output, table};
use serde_json::Value;
use types::Timestamp;

pub async fn run(events: &Events, output: Output) -> anyhow::Result<Code> {
    let Events::List { server, limit, event_type } = events;
    let mut query = vec![("limit", limit.to_string())];
    if let Some(event_type) = event_type {
        query.push(("type", event_type.clone()));
    }
    let list = Client::new(server)?.get("/v1/events", &query).await?.ok()?;
    output.print(&list, || describe(&list))?;
    Ok(Code::Ok)
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
                shown(Timestamp::from_seconds(created)),
                text(event, "/type").to_owned(),
                text(event, "/data/object/id").to_owned(),
                text(event, "/id").to_owned(),
            ]
        })
        .collect();
    table(&["CREATED", "TYPE", "OBJECT", "EVENT"], &rows, &[])
}

/// `2026-11-21 08:30:00Z`.
pub fn shown(time: Timestamp) -> String {
    let second = time.seconds().rem_euclid(86_400);
    format!("{} {:02}:{:02}:{:02}Z", time.date(), second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_times_in_utc() {
        assert_eq!(shown(Timestamp::from_seconds(1_795_219_200 + 3_661)), "2026-11-21 01:01:01Z");
    }
}
