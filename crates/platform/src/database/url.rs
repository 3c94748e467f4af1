//! Where PostgreSQL is, with a password that is never shown.

use super::DatabaseError;
use crate::secret::{MASK, masked_text};
use std::error::Error;
use std::str::FromStr;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

masked_text!(
    /// Where PostgreSQL is and who connects: `postgresql://user:password@host:port/database?option=value`, or
    /// `host=… user=… password=… dbname=…`. Shown with its password masked; a text that cannot be read is masked whole.
    DatabaseUrl,
    masked
);

impl DatabaseUrl {
    /// What tokio-postgres needs to connect. Errors do not repeat any part of the text.
    pub fn config(&self) -> Result<Config, DatabaseError> {
        if self.reveal().trim().is_empty() {
            return Err(DatabaseError::NoUrl);
        }
        let config = Config::from_str(self.reveal()).map_err(|error| DatabaseError::Url(reason(&error)))?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(DatabaseError::Tls);
        }
        // The parser takes what follows the first `@` for the place, and it would be shown and sent to a name server.
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(host) => host.contains('@'),
            Host::Unix(directory) => directory.to_string_lossy().contains('@'),
        });
        if hosts.chain(config.get_dbname().map(|name| name.contains('@'))).any(|misplaced| misplaced) {
            return Err(DatabaseError::Url("a character of the password is not escaped".to_owned()));
        }
        Ok(config)
    }

    /// The same place for connections that act with another role's privileges; the user must be a member of that role.
    pub fn with_role(&self, role: &str) -> DatabaseUrl {
        let escaped = role.replace('%', "%25").replace('&', "%26").replace(' ', "%20");
        self.with(&format!("options=-c%20role%3D{escaped}"), &format!("options='-c role={role}'"))
    }

    /// The same server and user, another database, whose name has letters, digits and `_` only.
    pub fn with_database(&self, name: &str) -> DatabaseUrl {
        let option = format!("dbname={name}");
        self.with(&option, &option)
    }

    /// With one more option, in the form of a URL and in the form of pairs. An option that comes last wins.
    fn with(&self, in_url: &str, in_pairs: &str) -> DatabaseUrl {
        let text = self.reveal();
        DatabaseUrl::from(match (after_scheme(text).is_some(), text.contains('?')) {
            (true, true) => format!("{text}&{in_url}"),
            (true, false) => format!("{text}?{in_url}"),
            (false, _) => format!("{text} {in_pairs}"),
        })
    }
}

/// Scheme and rest of a URL; `None` for the form of pairs.
fn after_scheme(text: &str) -> Option<(&str, &str)> {
    text.split_once("://").filter(|(scheme, _)| ["postgres", "postgresql"].contains(scheme))
}

/// Why a text cannot be read. The parser's own words may hold a piece of a password, when a character of it is not
/// escaped; they are kept only where they name nothing but an option.
fn reason(error: &tokio_postgres::Error) -> String {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    if cause.starts_with("invalid value for option `") {
        cause
    } else if cause.starts_with("unknown option") {
        "it has an option that is not known".to_owned()
    } else {
        "a part of it is missing or misplaced".to_owned()
    }
}

fn masked(text: &str) -> String {
    let Ok(config) = Config::from_str(text) else { return MASK.to_owned() };
    let shown = match after_scheme(text) {
        Some((scheme, rest)) => masked_url(rest).map(|rest| format!("{scheme}://{rest}")),
        None => Some(masked_pairs(text)),
    };
    // The parser decides: what is shown must have the mask for a password, or none if there was none.
    let expected = config.get_password().map(|_| MASK.as_bytes());
    let holds = |shown: &String| Config::from_str(shown).is_ok_and(|config| config.get_password() == expected);
    shown.filter(holds).unwrap_or_else(|| MASK.to_owned())
}

/// Masks `user:password@hosts/database?password=…`; `None` when it is not certain where a password ends, because
/// characters of it are not escaped.
fn masked_url(rest: &str) -> Option<String> {
    let (credentials, place) = match rest.rsplit_once('@') {
        // The `@` may be of the path or of an option, or one of several in a password.
        Some((before, _)) if before.contains('?') || (before.contains('@') && before.contains('/')) => return None,
        Some((credentials, place)) => (Some(credentials), place),
        None => (None, rest),
    };
    let place = match place.split_once('?') {
        Some((place, options)) => format!("{place}?{}", masked_options(options)),
        None => place.to_owned(),
    };
    Some(match credentials.map(|credentials| credentials.split_once(':')) {
        Some(Some((user, _))) => format!("{user}:{MASK}@{place}"),
        Some(None) => format!("{}@{place}", credentials.unwrap_or_default()),
        None => place,
    })
}

/// Masks `a=b&password=…`. A name that is escaped may be that of a password.
fn masked_options(options: &str) -> String {
    let each = options.split('&').map(|option| match option.split_once('=') {
        Some((name, _)) if name == "password" || name.contains('%') => format!("{name}={MASK}"),
        _ => option.to_owned(),
    });
    each.collect::<Vec<_>>().join("&")
}

/// Masks `host=… password='…'`, which the parser has accepted.
fn masked_pairs(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let value = after.trim_start();
        let (value, next) = value.split_at(value_length(value));
        let value = if name.trim() == "password" { MASK } else { value };
        shown = format!("{shown}{name}={value}");
        rest = next;
    }
    shown + rest
}

/// Bytes of a value: up to the next blank, or between single quotes; a backslash takes the next character along.
fn value_length(value: &str) -> usize {
    let quoted = value.starts_with('\'');
    let mut letters = value.char_indices().skip(usize::from(quoted));
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '\'' if quoted => return at + 1,
            blank if !quoted && blank.is_whitespace() => return at,
            _ => {}
        }
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let url = DatabaseUrl::from(text);
        assert_eq!(serde_json::to_value(&url).unwrap(), url.to_string());
        assert_eq!(format!("{url:?}"), format!("{:?}", url.to_string()));
        url.to_string()
    }

    #[test]
    fn urls_are_shown_without_their_password() {
        for (url, expected) in [
            ("", ""),
            ("postgresql://florin@db/florin", "postgresql://florin@db/florin"),
            ("postgresql://db:5432/florin", "postgresql://db:5432/florin"),
            ("postgresql://florin:hunter2@db:5432/florin", "postgresql://florin:********@db:5432/florin"),
            (
                "postgresql://florin:hun%40ter2@db/x?sslmode=disable",
                "postgresql://florin:********@db/x?sslmode=disable",
            ),
            ("postgresql://florin:hun@ter2@db/florin", "postgresql://florin:********@db/florin"),
            ("postgres://florin:hun/ter2@db/florin", "postgres://florin:********@db/florin"),
            ("postgresql://florin:hun:ter2@db", "postgresql://florin:********@db"),
            ("postgresql://florin:florin@db/florin", "postgresql://florin:********@db/florin"),
            ("postgresql://a:hunter2@one:1,two:2/x", "postgresql://a:********@one:1,two:2/x"),
            ("postgresql://db/x?user=a&password=hunter2", "postgresql://db/x?user=a&password=********"),
            ("postgresql://db/x?password=hunter2&user=a", "postgresql://db/x?password=********&user=a"),
            ("postgresql://a:hunter2@db/x?password=hunter2", "postgresql://a:********@db/x?password=********"),
            ("postgresql://a@db/x?p%61ssword=hunter2", "postgresql://a@db/x?p%61ssword=********"),
            (
                "postgresql://a@db/x?p%61ssword=hunter2&password=hunter2",
                "postgresql://a@db/x?p%61ssword=********&password=********",
            ),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
    }

    #[test]
    fn pairs_are_shown_without_their_password() {
        for (pairs, expected) in [
            ("host=db user=florin", "host=db user=florin"),
            ("host=db password=hunter2", "host=db password=********"),
            ("password = 'hun ter2' host = db", "password =******** host =db"),
            ("host='/tmp/a b' password='hun\\'ter2' user=a", "host='/tmp/a b' password=******** user=a"),
            ("password=hun\\ ter2 user=a", "password=******** user=a"),
            ("password=hunter2 password=hunter2\tuser=a", "password=******** password=********\tuser=a"),
            ("host=db password=hun=ter2@x", "host=db password=********"),
        ] {
            assert_eq!(shown(pairs), expected, "{pairs}");
        }
    }

    #[test]
    fn nothing_is_shown_of_what_cannot_be_read() {
        for url in [
            "postgresql://:::hunter2",
            "postgresql://a:b@db:hunter2/x",
            "postgresql://db/florin?password=hun@ter2",
            "postgresql://db:5432/florin?password=hun@ter2",
            "postgresql://a:b@db/x?password=hun@ter2",
            "postgresql://a:hun?ter2@db/x",
            "postgresql://a:hun@t/er2@db/x",
            "postgresql://a:hunter2@db/x?application_name=a@b",
            "mysql://a:hun=ter2@db",
            "host=db password=hun ter2=x",
            "hunter2",
        ] {
            assert_eq!(shown(url), MASK, "{url}");
        }
    }

    #[test]
    fn errors_repeat_no_part_of_it() {
        assert!(matches!(DatabaseUrl::from(" ").config(), Err(DatabaseError::NoUrl)));
        assert!(matches!(DatabaseUrl::from("postgresql://db/x?sslmode=require").config(), Err(DatabaseError::Tls)));
        for url in [
            "postgresql://florin:hunter2@db:port/x",
            "postgresql://florin:x@hunter2:port/x",
            "postgresql://florin:x@hunter2@db/x",
            "postgresql://florin:x@y/hunter2@db/x",
            "postgresql://florin:x@db/x?hunter2=1",
            "postgresql://florin:x@db/x?hunter2",
            "mysql://a:hunter2=x@db",
            "host=db password=hun hunter2=x",
            "host=db password='hunter2",
            "hunter2",
        ] {
            let error = DatabaseUrl::from(url).config().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let error = DatabaseUrl::from("postgresql://db:port/x").config().unwrap_err().to_string();
        assert!(error.contains("option `port`"), "{error}");
    }

    #[test]
    fn an_option_that_is_added_wins() {
        for url in ["postgresql://o@db/florin", "postgresql://o@db/florin?connect_timeout=1", "host=db user=o dbname=x"]
        {
            let url = DatabaseUrl::from(url);
            assert_eq!(url.with_database("other").config().unwrap().get_dbname(), Some("other"));
            assert_eq!(url.with_role("a_role").config().unwrap().get_options(), Some("-c role=a_role"));
        }
    }
}
