//! `--url`, `--key` and `--data`: which server a command talks to over HTTP.

use crate::dev_state;
use crate::exit_code::Failure;
use clap::Args;
use platform::{HttpUrl, Secret};
use std::path::PathBuf;

const DEFAULT_URL: &str = "http://127.0.0.1:8420";

/// The server that is named, or that of a running `florin dev`.
#[derive(Debug, Args)]
pub struct WhichServer {
    /// Base URL of the server, for instance http://127.0.0.1:8420.
    #[arg(long, value_name = "URL", env = "FLORIN_URL", hide_env_values = true)]
    pub url: Option<HttpUrl>,
    /// Secret key. As an argument, every user of the machine can read it in the list of processes.
    #[arg(long, value_name = "KEY", env = "FLORIN_SECRET_KEY", hide_env_values = true)]
    pub key: Option<Secret>,
    /// Data directory of a running `florin dev`.
    #[arg(long, value_name = "DIR", env = "FLORIN_DATA")]
    pub data: Option<PathBuf>,
}

/// Where a server is, and a secret key for it.
#[derive(Clone)]
pub struct Access {
    /// Without a trailing slash.
    pub url: HttpUrl,
    pub key: Secret,
    /// The process id of the server, when it is the `florin dev` of the data directory.
    pub pid: Option<u32>,
}

impl WhichServer {
    /// The server that the command line names; else the running `florin dev` of the data directory.
    pub fn find(&self) -> anyhow::Result<Access> {
        let state = dev_state::read(self.data.as_deref())?;
        let known = state.as_ref().filter(|state| {
            // The key is only sent to the server that it belongs to.
            self.url.as_ref().is_none_or(|url| url.reveal().trim_end_matches('/') == state.url)
        });
        let key = self.key.clone().or_else(|| known.map(|state| state.secret_key.clone())).ok_or_else(|| {
            Failure::usage(
                "no secret key: start `florin dev`, or set FLORIN_SECRET_KEY (and FLORIN_URL), or give --key (and --url)",
            )
        })?;
        let url = self.url.clone().or_else(|| known.map(|state| HttpUrl::from(state.url.as_str())));
        let url = url.unwrap_or_else(|| DEFAULT_URL.into());
        if !url.reveal().starts_with("http://") {
            return Err(Failure::usage(format!("{url:?}: the URL must begin with http://; this build cannot do TLS")));
        }
        let url = url.reveal().trim_end_matches('/').into();
        Ok(Access { url, key, pid: known.map(|state| state.pid) })
    }
}
