//! What `florin dev` prints when it is ready.

use crate::output::Output;
use serde::Serialize;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Serialize)]
pub struct Banner {
    pub url: String,
    pub secret_key: String,
    pub publishable_key: String,
    pub data: PathBuf,
    pub database: String,
    pub psql: Option<String>,
    pub pid: u32,
    pub ready_ms: u64,
}

impl Banner {
    /// Prints addresses, keys and a first command to try. The demo key is shown on purpose.
    pub fn print(&self, took: Duration, output: Output) -> anyhow::Result<()> {
        let ready_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let banner = Banner { ready_ms, ..self.clone() };
        output.print(&banner, || banner.text(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()))
    }

    fn text(&self, colours: bool) -> String {
        let (bold, dim, end) = if colours { ("\x1b[1m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
        let Banner { url, secret_key, publishable_key, database, .. } = self;
        let version = env!("CARGO_PKG_VERSION");
        let seconds = Duration::from_millis(self.ready_ms).as_secs_f32();
        let data = self.data.display();
        let psql = self.psql.as_ref().map(|psql| format!("\n  {dim}Look inside{end}      {psql}")).unwrap_or_default();
        format!(
            r#"
{bold}Florin {version}{end} is ready, in test mode {dim}({seconds:.1} s){end}

  {dim}API{end}              {bold}{url}{end}
  {dim}Secret key{end}       {bold}{secret_key}{end}
  {dim}Publishable key{end}  {publishable_key}
  {dim}Database{end}         {database}
  {dim}Data{end}             {data}{psql}

Take a first payment:

  curl {url}/v1/payment_intents -u {secret_key}: \
    -d amount=4200 -d currency=usd -d payment_method=pm_card_visa \
    -d "payment_method_types[]=card" -d confirm=true

{dim}With an SDK, change its base URL, here in Python:{end}

  stripe.StripeClient("{secret_key}", base_addresses={{"api": "{url}"}})

{dim}Ctrl-C stops it; the data stays, `--reset` starts over.{end}
"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_what_to_try_first() {
        let banner = Banner {
            url: "http://127.0.0.1:8420".to_owned(),
            secret_key: "sk_test_x".to_owned(),
            publishable_key: "pk_test_x".to_owned(),
            data: PathBuf::from("/tmp/.florin"),
            database: "PostgreSQL 15.18, private".to_owned(),
            psql: None,
            pid: 1,
            ready_ms: 1234,
        };
        let text = banner.text(false);
        for part in ["(1.2 s)", "curl http://127.0.0.1:8420/v1/payment_intents -u sk_test_x:", "pk_test_x", "Ctrl-C"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains('\x1b'));
    }
}
