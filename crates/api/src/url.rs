//! URLs as parameters: where browsers and servers are sent to.

use crate::call::Call;
use crate::error::{ApiError, Result};
use crate::form::Node;
use crate::params::Param;
use serde_json::{Value, json};
use std::net::Ipv6Addr;

/// A URL that a caller has given. It is `https`; in test mode also `http`; or it has a scheme of an app's own, such as
/// `com.example.shop://paid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    param: String,
    /// Whether it is `http`, which only a test goes to.
    is_for_tests: bool,
}

/// Schemes to which browsers, systems and widespread programs give a meaning of their own. With `-` behind one it is of the same
/// family: `chrome-extension`.
const KNOWN: &str = "about afp android-app blob callto chrome cifs content data dict edge facetime file filesystem ftp ftps \
    googlechrome googlechromes gopher hcp help http https imap intent itms jar javascript jnlp jnlps ldap ldaps mailto mhtml \
    microsoft-edge mk moz ms news nfs nntp onenote opera rdp res resource rlogin search search-ms sftp shell sip sips smb sms \
    smsto ssh tel telnet tftp vbscript view-source vnc ws wss x-safari x-web-search";

/// Windows gives it to the apps of its store, to each under a name of its own.
const STORE_APPS: &str = "ms-app";

impl Url {
    /// The URL, if the caller may give it: live payers are sent nowhere without encryption.
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
        "https" | "http" if !has_host(authority) => return Err("it must name a host"),
        "https" | "http" => (),
        other if is_apps(other) => (),
        _ => return Err("it must be https, or have a scheme of an app's own"),
    }
    Ok(scheme)
}

/// Whether a scheme is an app's: it has a dot, as the reversed name of a domain has, or is not known to be anything else.
fn is_apps(scheme: &str) -> bool {
    let is_of = |known: &str| scheme.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    scheme.contains('.') || scheme == STORE_APPS || !KNOWN.split_whitespace().any(is_of)
}

/// Whether this is `host` or `host:port`.
fn has_host(authority: &str) -> bool {
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
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok())
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
            "http://192.168.0.7/",
            "http://host.docker.internal:3000/done",
            "shop://paid",
            "com.example.shop://stripe-redirect?x=1",
            "tel.example.shop://paid",
            "edgewise://paid",
            "chromecafe://paid",
            "searchlight://paid",
            "ms-app://s-1-15-2-1234/",
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
            "ms-settings://x",
            "MS-Appinstaller://x",
            "chrome://settings",
            "chrome-extension://x",
            "edge://flags",
            "microsoft-edge://x",
            "microsoft-edge-holographic://x",
            "search-ms://query=x",
            "smb://evil.example/x",
            "afp://evil.example/",
            "nfs://evil.example/",
            "itms-services://?action=download-manifest",
            "mhtml://x",
            "res://x",
            "ldap://evil.example/",
            "telnet://evil.example",
            "sip://1234",
            "facetime-audio://1234",
            "callto://1234",
            "x-safari-https://evil.example",
            "googlechromes://evil.example",
            "googlechrome-x-callback://x",
            "onenote://x",
            "onenote-cmd://x",
            "sftp://evil.example/",
            "1shop://paid",
            "://paid",
        ] {
            let error = parsed(bad).expect_err(bad);
            assert_eq!((error.code, error.param.as_deref()), (Some("url_invalid"), Some("return_url")), "{bad}");
        }
    }
}
