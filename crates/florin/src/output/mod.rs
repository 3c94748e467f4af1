//! What commands print: text for people, or with `--json` one JSON document for programs.

mod shown_time;
mod table;

pub use shown_time::shown_time;
pub use table::table;

use anyhow::Context;
use serde::Serialize;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

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

    /// The same for what is printed once and is nowhere else: that it cannot be written is an error.
    pub fn print_once<T: Serialize>(&self, value: &T, human: impl FnOnce() -> String) -> anyhow::Result<()> {
        let text = if self.json { serde_json::to_string_pretty(value)? } else { human() };
        let mut output = std::io::stdout();
        writeln!(output, "{}", text.trim_end()).and_then(|()| output.flush()).context("writing to standard output")
    }
}

/// Whether what is written to standard output is lost. When it is closed at the start, Rust opens `/dev/null` in its place.
pub fn goes_nowhere() -> std::io::Result<bool> {
    let output = std::fs::File::from(std::os::fd::AsFd::as_fd(&std::io::stdout()).try_clone_to_owned()?).metadata()?;
    let null = std::fs::metadata("/dev/null")?;
    Ok(output.file_type().is_char_device() && output.rdev() == null.rdev())
}

/// Writes a line to standard output. That the reader has gone (`| head`) is not an error.
pub fn write_line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
