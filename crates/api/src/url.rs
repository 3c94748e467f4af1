//! URLs as parameters: where browsers and servers are sent to.

use crate::call::Call;
use crate::error::{ApiError, Result};
use crate::form::Node;
use crate::params::Param;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A URL that a caller has given. It is `https`; in test mode also `http` to the caller's own machine; or it has a scheme of an
/// app's own, such as `com.example.shop://paid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    param: String,
    /// Whether it is `http`, which only a test goes to.
    is_for_tests: bool,
}

/// Schemes that browsers and systems give a meaning of their own: no app has them.
const KNOWN: &[&str] = &[
    "about",
    "android-app",
    "blob",
    "content",
    "data",
    "file",
    "filesystem",
    "ftp",
    "http",
    "https",
    "intent",
    "jar",
    "javascript",
    "mailto",
    "resource",
    "sms",
    "ssh",
    "tel",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

/// What such schemes begin with.
const FAMILIES: &[&str] = &["chrome", "edge", "moz-", "ms-"];

impl Url {
    /// The URL, if the caller may give it: live payers are not sent to a machine of a developer's.
    pub fn checked(&self, call: &Call) -> Result<String> {
        if self.is_for_tests && call.caller.livemode {
            return Err(invalid(&self.param, "in live mode it must be https, or have a scheme of an app's own").into());
        }
        Ok(self.text.clone())
    }
}

/// The URL of a parameter that may be left out.
pub fn checked(call: &Call, url: Option<&Url>) -> Result<Option<String>> {
    url.map(|url| url.checked(call)).transpose()
}

fn invalid(param: &str, why: &str) -> ApiError {
    ApiError::coded("url_invalid", format!("Not a valid URL: {why}.")).param(param)
}

impl Param for Url {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        let text = String::parse(node, name)?;
        match scheme_of(&text) {
            Ok(scheme) => Ok(Url { is_for_tests: scheme == "http", text, param: name.to_owned() }),
            Err(why) => Err(invalid(name, why)),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "format": "uri" })
    }
}

/// The scheme in small letters, or why this is no URL to send anything to.
fn scheme_of(text: &str) -> Result<String, &'static str> {
    // Browsers leave control characters out, and take a backslash for a slash.
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\<>\"".contains(&byte)) {
        return Err("it must be written in printable ASCII characters, with others percent-encoded");
    }
    let (scheme, rest) = text.split_once("://").ok_or("it must begin with https:// or the like")?;
    let scheme = scheme.to_ascii_lowercase();
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme || rest.is_empty() {
        return Err("it must begin with https:// or the like");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("it must not have a name or a password in it");
    }
    match scheme.as_str() {
        "https" if host(authority).is_some() => (),
        "http" if host(authority).is_some_and(is_loopback) => (),
        "https" => return Err("it must name a host"),
        "http" => return Err("it must be https, except to localhost in test mode"),
        other if KNOWN.contains(&other) || FAMILIES.iter().any(|family| other.starts_with(family)) => {
            return Err("it must be https, or have a scheme of an app's own");
        }
        _ => (),
    }
    Ok(scheme)
}

/// The host in `host:port`; `None` if there is none, or the port is no number.
fn host(authority: &str) -> Option<&str> {
    let end = authority.strip_prefix('[').and_then(|rest| rest.find(']')).map_or(0, |at| at + 2);
    let (host, port) = match authority[end..].find(':') {
        Some(at) => (&authority[..end + at], Some(&authority[end + at + 1..])),
        None => (authority, None),
    };
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => is_name(host) && host.bytes().any(|byte| byte.is_ascii_alphanumeric()) && !host.starts_with('.'),
    };
    (is_host && port.is_none_or(|port| port.parse::<u16>().is_ok())).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || name.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Url, ApiError> {
        Url::parse(Node::Text(text.to_owned()), "return_url")
    }

    #[test]
    fn browsers_are_sent_to_pages_and_apps() {
        for good in [
            "https://shop.example.com",
            "https://shop.example.com:8443/done?order=7&to=a@b.example#top",
            "HTTPS://Shop.Example",
            "https://xn--strae-oqa.example/stra%C3%9Fe",
            "https://[2001:db8::1]:8443/",
            "http://localhost:3000/done",
            "http://app.localhost/",
            "http://127.0.0.1",
            "http://[::1]:3000/",
            "shop://paid",
            "com.example.shop://stripe-redirect?x=1",
            "exp+shop://expo-development-client/?url=http%3A%2F%2F10.0.0.2",
        ] {
            let url = parsed(good).unwrap_or_else(|error| panic!("{good}: {error:?}"));
            assert_eq!((url.text.as_str(), url.is_for_tests), (good, good.starts_with("http:")));
        }
    }

    #[test]
    fn browsers_are_not_sent_anywhere_else() {
        for bad in [
            "shop.example.com",
            "/done",
            "//shop.example.com",
            "https://",
            "https:///done",
            "https:shop.example",
            "https://?x",
            "https://.example",
            "https://shop.example:port/",
            "https://shop.example:99999/",
            "https://[::1/",
            "https://[nonsense]/",
            "https://sh%6fp.example/",
            "http://shop.example.com",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "http://192.168.0.7/",
            "http://user@localhost/",
            "https://shop.example@evil.example/",
            "https://user:password@shop.example/",
            "shop://user@paid",
            "https://shop.example\\@evil.example/",
            "https://shop.example/a b",
            " https://shop.example",
            "https://shop.example/\n",
            "java\tscript://x",
            "https://shop.example/stra\u{df}e",
            "javascript://%0aalert(1)",
            "JavaScript://%0aalert(1)",
            "javascript:alert(1)",
            "data:text/html,x",
            "data://text/html,x",
            "vbscript://x",
            "file:///etc/passwd",
            "blob://x",
            "blob:https://shop.example/1",
            "view-source://shop.example",
            "intent://x#Intent;end",
            "ftp://shop.example/",
            "ms-word://x",
            "chrome-extension://x",
            "1shop://paid",
            "://paid",
        ] {
            let error = parsed(bad).expect_err(bad);
            assert_eq!((error.code, error.param.as_deref()), (Some("url_invalid"), Some("return_url")), "{bad}");
        }
    }
}
