use platform::Secret;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The shortest `webhook_secret`, in bytes.
const SECRET_MIN: usize = 16;

/// The `[processors.sandbox]` section: how slow and how unreliable the sandbox pretends to be. Rates are shares of all attempts,
/// from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxConfig {
    /// Milliseconds that each call takes.
    pub latency_ms: u64,
    /// Up to so many milliseconds more, the same for the same attempt.
    pub latency_jitter_ms: u64,
    /// Timeouts after the effect: the answer is lost, asking later gives it.
    pub unknown_rate: f64,
    /// Timeouts before the effect: the request never arrived, asking later says so.
    pub lost_rate: f64,
    /// Server errors. Half of them come after the effect, half before.
    pub error_rate: f64,
    /// How many questions about an attempt with an unknown outcome are answered "still unknown".
    pub unknown_for: u32,
    /// Authorizations, sales and refunds whose result comes `pending_ms` after the attempt.
    pub pending_rate: f64,
    /// Milliseconds from such an attempt to its result.
    pub pending_ms: u64,
    /// Milliseconds that a refund to the cards for pending and failing refunds is pending.
    pub refund_pending_ms: u64,
    /// With it, signed notices at `/webhooks/sandbox` have an attempt asked about at once; without it, none is taken.
    pub webhook_secret: Secret,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        SandboxConfig {
            latency_ms: 0,
            latency_jitter_ms: 0,
            unknown_rate: 0.0,
            lost_rate: 0.0,
            error_rate: 0.0,
            unknown_for: 0,
            pending_rate: 0.0,
            pending_ms: 3_000,
            refund_pending_ms: 3_000,
            webhook_secret: Secret::default(),
        }
    }
}

impl SandboxConfig {
    /// What cannot work; each problem begins with its key. Empty if the section can be used.
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = self
            .rates()
            .into_iter()
            .filter(|(_, rate)| !(0.0..=1.0).contains(rate))
            .map(|(key, rate)| format!("{key}: {rate} is not a rate; give a number from 0 to 1"))
            .collect();
        let faults = self.unknown_rate + self.lost_rate + self.error_rate;
        if problems.is_empty() && faults > 1.0 {
            problems.push(format!(
                "unknown_rate: with lost_rate and error_rate it is {faults}; together they are at most 1"
            ));
        }
        if (1..SECRET_MIN).contains(&self.webhook_secret.reveal().len()) {
            problems.push(format!("webhook_secret: it is too short to keep; give {SECRET_MIN} characters or more"));
        }
        problems
    }

    /// Neither late nor faulty: it answers at once and for sure.
    pub(super) fn is_certain(&self) -> bool {
        self.latency_ms == 0 && self.latency_jitter_ms == 0 && self.rates().iter().all(|(_, rate)| *rate == 0.0)
    }

    pub(super) const fn pending(&self) -> Duration {
        Duration::from_millis(self.pending_ms)
    }

    pub(super) const fn refund_pending(&self) -> Duration {
        Duration::from_millis(self.refund_pending_ms)
    }

    fn rates(&self) -> [(&'static str, f64); 4] {
        [
            ("unknown_rate", self.unknown_rate),
            ("lost_rate", self.lost_rate),
            ("error_rate", self.error_rate),
            ("pending_rate", self.pending_rate),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_by_name_and_refuses_other_names() {
        let config: SandboxConfig = serde_json::from_str(r#"{"latency_ms": 20, "lost_rate": 0.5}"#).unwrap();
        assert_eq!(config, SandboxConfig { latency_ms: 20, lost_rate: 0.5, ..SandboxConfig::default() });
        assert!(serde_json::from_str::<SandboxConfig>(r#"{"latency": 20}"#).is_err());
    }

    #[test]
    fn problems_name_their_keys() {
        assert_eq!(SandboxConfig::default().problems(), Vec::<String>::new());
        for rate in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let problems = SandboxConfig { pending_rate: rate, ..SandboxConfig::default() }.problems();
            assert!(problems.len() == 1 && problems[0].starts_with("pending_rate: "), "{problems:?}");
        }
        let too_many = SandboxConfig { unknown_rate: 0.6, lost_rate: 0.6, ..SandboxConfig::default() };
        assert_eq!(too_many.problems().len(), 1);
    }
}
