//! What commands print: text for people, or with `--json` one JSON document for programs.

mod shown_time;
mod table;

pub use shown_time::shown_time;
pub use table::table;

use serde::Serialize;

/// How a command prints its result.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub json: bool,
}

impl Output {
    /// Prints `value` as JSON with `--json`, else the text that `human` returns.
    pub fn print<T: Serialize>(&self, value: &T, human: impl FnOnce() -> String) -> anyhow::Result<()> {
        let text = if self.json { serde_json::to_string_pretty(value)? } else { human() };
        write_line(text.trim_end());
        Ok(())
    }
}

/// Writes a line to standard output. That the reader has gone (`| head`) is not an error.
pub fn write_line(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}
