//! `--secret-key-file`: where a new secret key goes, which is shown once.

use crate::exit_code::Failure;
use crate::files::create_private;
use crate::output::{Output, goes_nowhere};
use clap::Args;
use contracts::KeyKind;
use contracts::identity::Tenant;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct KeyPlace {
    /// Write the secret key into this file, which must not exist, instead of printing it; only its owner may read it.
    #[arg(long, value_name = "FILE")]
    secret_key_file: Option<PathBuf>,
}

impl KeyPlace {
    /// Shows new keys, once, beside what else there is to say: `document` to programs, `note` to people. An error means that they
    /// may not have been seen: then they must not be kept.
    pub fn show(
        &self,
        tenant: &Tenant,
        keys: &[(KeyKind, &str)],
        mut document: Value,
        note: Option<String>,
        output: Output,
    ) -> anyhow::Result<()> {
        let is_printed = |kind: &KeyKind| self.secret_key_file.is_none() || *kind != KeyKind::Secret;
        if self.secret_key_file.is_some() && keys.iter().all(|(kind, _)| is_printed(kind)) {
            return Err(Failure::usage("--secret-key-file: nothing was kept: the new key is not a secret key"));
        }
        if keys.iter().any(|(kind, _)| is_printed(kind)) && goes_nowhere()? {
            return Err(Failure::usage(
                "nothing was kept: standard output, where a key would be, is closed or /dev/null",
            ));
        }
        document["tenant"] = json!(tenant.id.to_string());
        document["name"] = json!(tenant.name);
        let mut lines = vec![format!("{}  {}", tenant.id, tenant.name)];
        let mut made = None;
        for (kind, key) in keys {
            match (kind, &self.secret_key_file) {
                (KeyKind::Secret, Some(file)) => {
                    create_private(file, key)
                        .map_err(|error| Failure::usage(format!("--secret-key-file: nothing was kept: {error:#}")))?;
                    made = Some(file);
                    document["secret_key_file"] = json!(file.display().to_string());
                    lines.push(format!("{:<16} in {}", "secret key", file.display()));
                }
                _ => {
                    document[format!("{}_key", kind.name())] = json!(key);
                    lines.push(format!("{:<16} {key}", format!("{} key", kind.name())));
                }
            }
        }
        lines.extend(note);
        lines.push("A key is not shown again.".to_owned());
        let shown = output.print_once(&document, || lines.join("\n"));
        if shown.is_err()
            && let Some(file) = made
        {
            let _ = std::fs::remove_file(file);
        }
        shown.map_err(|error| Failure::usage(format!("nothing was kept: {error:#}")))
    }
}
