//! URLs of HTTP servers, which may hold a name and a password.

use crate::secret::{MASK, masked_text};

masked_text!(
    /// A URL such as `http://name:password@host:4318?token=…`, of which neither name and password nor the values of its query are
    /// shown.
    HttpUrl,
    masked
);

/// Everything before the last `@` is masked but the scheme: a password may hold any character, `@` and `/` too. So is what comes
/// after the first `?` or `#`. With one of these before the last `@` it is not certain where the host is: then nothing is shown.
fn masked(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => (format!("{scheme}://"), rest),
        _ => (String::new(), url),
    };
    let (credentials, place) = match rest.rsplit_once('@') {
        Some((credentials, _)) if credentials.contains(['?', '#']) => return scheme + MASK,
        Some((_, place)) => (format!("{MASK}@"), place),
        None => (String::new(), rest),
    };
    let place = match place.find(['?', '#']) {
        Some(at) => format!("{}{MASK}", &place[..=at]),
        None => place.to_owned(),
    };
    scheme + &credentials + &place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_password_are_not_shown() {
        for (url, shown) in [
            ("", ""),
            ("http://collector:4318", "http://collector:4318"),
            ("http://me:hunter2@collector:4318", "http://********@collector:4318"),
            ("http://hunter2@collector", "http://********@collector"),
            ("http://me:hun@ter2@collector", "http://********@collector"),
            ("http://me:hun/ter2@collector/x", "http://********@collector/x"),
            ("me:hunter2@collector", "********@collector"),
            ("http://collector:4318/?token=hunter2", "http://collector:4318/?********"),
            ("http://me:hun?ter2@collector/x?api_key=hunter2#hunter2", "http://********"),
            ("http://me:x@collector/x?api_key=hunter2#hunter2", "http://********@collector/x?********"),
            ("http://collector/x?mail=x@hunter2", "http://********"),
            ("collector/x#x@hunter2", "********"),
            ("me:hun://ter2@collector", "********@collector"),
        ] {
            let url = HttpUrl::from(url);
            assert_eq!(url.to_string(), shown);
            assert_eq!(serde_json::to_value(&url).unwrap(), shown);
            assert_eq!(format!("{url:?}"), format!("{shown:?}"));
        }
    }
}
