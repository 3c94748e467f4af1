//! Log lines as JSON: one object a line, with the event's fields, and the spans around the event under `spans`.

use std::fmt::{self, Debug, Write};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Most lines are shorter than this.
const USUAL_BYTES: usize = 512;

/// Formats events and the fields of spans straight into the line, because there is a line for each request.
pub struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = String::with_capacity(USUAL_BYTES);
        line.push_str("{\"timestamp\":\"");
        SystemTime.format_time(&mut Writer::new(&mut line))?;
        line.push_str("\",\"level\":\"");
        line.push_str(metadata.level().as_str());
        line.push('"');
        event.record(&mut Members(&mut line));
        member(&mut line, "target", metadata.target());
        if let Some(spans) = context.event_scope() {
            line.push_str(",\"spans\":[");
            for (place, span) in spans.from_root().enumerate() {
                line.push_str(if place == 0 { "{\"name\":\"" } else { ",{\"name\":\"" });
                line.push_str(span.name());
                line.push('"');
                if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                    line.push_str(fields);
                }
                line.push('}');
            }
            line.push(']');
        }
        line.push_str("}\n");
        out.write_str(&line)
    }
}

/// The line that says that so many lines were dropped.
pub fn dropped(lines: u64) -> String {
    let mut line = "{\"timestamp\":\"".to_owned();
    let _ = SystemTime.format_time(&mut Writer::new(&mut line));
    line.push_str("\",\"level\":\"WARN\"");
    member(&mut line, "message", super::DROPPED);
    let _ = write!(line, ",\"dropped\":{lines}");
    member(&mut line, "target", module_path!());
    line.push_str("}\n");
    line
}

/// The fields of a span, as members of an object: they are copied into the object later.
impl<'w> FormatFields<'w> for JsonLines {
    fn format_fields<R: RecordFields>(&self, mut out: Writer<'w>, fields: R) -> fmt::Result {
        let mut members = String::new();
        fields.record(&mut Members(&mut members));
        out.write_str(&members)
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &tracing::span::Record<'_>) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

/// Writes fields as members of an object: `,"name":value`. Writing into a string does not fail.
struct Members<'a>(&'a mut String);

fn member(line: &mut String, name: &str, text: &str) {
    let _ = write!(line, ",\"{name}\":\"");
    let _ = Escaped(line).write_str(text);
    line.push('"');
}

impl Members<'_> {
    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        let _ = write!(self.0, ",\"{field}\":{value}");
    }
}

impl Visit for Members<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() { self.plain(field, value) } else { self.record_debug(field, &value) }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        member(self.0, field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, ",\"{field}\":\"");
        let _ = write!(Escaped(self.0), "{value:?}");
        self.0.push('"');
    }
}

/// Writes the inside of a JSON text, between its quotes.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
            let (plain, special) = rest.split_at(at);
            self.0.push_str(plain);
            let (special, after) = special.split_at(1);
            match special {
                "\"" => self.0.push_str("\\\""),
                "\\" => self.0.push_str("\\\\"),
                "\n" => self.0.push_str("\\n"),
                control => write!(self.0, "\\u{:04x}", control.bytes().next().unwrap_or_default())?,
            }
            rest = after;
        }
        self.0.push_str(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn the_line_that_says_what_was_dropped_is_like_the_others() {
        let mut line: Value = serde_json::from_str(&dropped(7)).unwrap();
        assert!(line["timestamp"].take().as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
        let target = "platform::telemetry::log_json";
        let expected = json!({ "timestamp": null, "level": "WARN", "message": super::super::DROPPED, "dropped": 7, "target": target });
        assert_eq!(line, expected);
    }

    #[test]
    fn a_line_has_the_fields_of_event_and_spans() {
        let kept: Arc<Mutex<Vec<u8>>> = Arc::default();
        let file = Arc::clone(&kept);
        let layer = tracing_subscriber::fmt::layer()
            .event_format(JsonLines)
            .fmt_fields(JsonLines)
            .with_writer(move || -> Box<dyn std::io::Write> { Box::new(Writing(Arc::clone(&file))) });
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let outer = tracing::info_span!("outer", id = 7, later = tracing::field::Empty);
            outer.record("later", "a \"b\" \\ \n\u{1}\u{e9}");
            let _outer = outer.enter();
            let _inner = tracing::info_span!("inner").entered();
            let (id, error) = ("x", std::io::Error::other("broken\tpipe"));
            tracing::warn!(%id, ?error, error2 = %error, ok = false, count = -3i64, ratio = 0.5, "it \"failed\"");
        });
        let text = String::from_utf8(kept.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let mut line: Value = serde_json::from_str(&text).unwrap();
        assert!(line["timestamp"].take().as_str().is_some_and(|time| time.ends_with('Z')), "{text}");
        assert_eq!(
            line,
            json!({
                "timestamp": null, "level": "WARN", "target": "platform::telemetry::log_json::tests", "message": "it \"failed\"",
                "id": "x", "error": "Custom { kind: Other, error: \"broken\\tpipe\" }", "error2": "broken\tpipe", "ok": false,
                "count": -3, "ratio": 0.5,
                "spans": [
                    { "name": "outer", "id": 7, "later": "a \"b\" \\ \n\u{1}\u{e9}" },
                    { "name": "inner" },
                ],
            })
        );
    }

    struct Writing(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Writing {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
