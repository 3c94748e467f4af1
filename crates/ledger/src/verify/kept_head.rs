//! The head of a log, kept elsewhere.

use super::report::Report;
use std::fmt;
use std::str::FromStr;

/// Position and hash of a row of a log, as an earlier verification said it: a log that does not have exactly that row has lost
/// something since, or was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptHead {
    pub position: i64,
    /// In 64 hexadecimal digits.
    pub hash: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be POSITION:HASH, as `florin ledger verify` prints it: a number and 64 hexadecimal digits")]
pub struct NotAHead;

impl FromStr for KeptHead {
    type Err = NotAHead;

    fn from_str(text: &str) -> Result<Self, NotAHead> {
        let (position, hash) = text.trim().split_once(':').ok_or(NotAHead)?;
        let position = position.parse().ok().filter(|position| *position > 0).ok_or(NotAHead)?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then(|| KeptHead { position, hash: hash.to_ascii_lowercase() }).ok_or(NotAHead)
    }
}

impl fmt::Display for KeptHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.position, self.hash)
    }
}

impl KeptHead {
    /// `found` is the hash of the row at the position, which is `None` if there is no such row.
    pub(super) fn check(&self, found: Option<&str>, report: &mut Report) {
        let detail = match found {
            Some(found) if found == self.hash => return,
            Some(_) => "this row has another hash than the one that was kept: the log was changed, or is another one",
            None if report.position < self.position => "the log ends before it: what was written after its end is lost",
            None => "the log has no row that begins here: it was changed, or is another one",
        };
        let detail = format!("{detail}; its last row is at position {}", report.position);
        report.find("since", self.position, detail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints_and_nothing_else() {
        let hash = "0123456789abcdef".repeat(4);
        let head: KeptHead = format!("612:{}", hash.to_uppercase()).parse().unwrap();
        assert_eq!(head.to_string(), format!("612:{hash}"));
        for wrong in
            ["", "612", "612:", &hash, &format!("0:{hash}"), &format!("-1:{hash}"), &format!("1:{hash}0"), "1:xyz"]
        {
            assert_eq!(wrong.parse::<KeptHead>(), Err(NotAHead), "{wrong}");
        }
    }
}
