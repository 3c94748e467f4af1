//! The conditions of a payment: what a tenant pays, and what a processor can do.

use crate::books::fees::Fees;
use std::time::Duration;
use types::Timestamp;

const DAY: Duration = Duration::from_secs(86_400);

/// What decisions need to know of a tenant's settings and of a processor's capabilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditions {
    pub fees: Fees,
    /// Days until a charge's funds are available, at midnight UTC.
    pub settlement_days: u16,
    /// What payers see on their statements, unless a payment says otherwise.
    pub statement_descriptor: String,
    pub capabilities: Capabilities,
    /// Failures after which an intent is canceled; 0: never.
    pub failures_max: u32,
}

/// What a processor can do beyond what all can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// More than one capture of one authorization.
    pub multicapture: bool,
    /// Captures of more than was authorized, up to so many percent on top.
    pub overcapture_percent: u8,
    /// Raising an authorization.
    pub increments: bool,
    /// Canceling what it has begun, as long as it has not carried it out.
    pub cancels: bool,
    /// Authorizations end by themselves after so many days.
    pub authorization_days: u16,
}

impl Conditions {
    /// When the funds of a charge that is made now are available.
    pub fn available_on(&self, now: Timestamp) -> Timestamp {
        now.day().plus(DAY * u32::from(self.settlement_days))
    }

    /// Until when an authorization that is made now can be captured.
    pub fn capture_before(&self, now: Timestamp) -> Timestamp {
        now.plus(DAY * u32::from(self.capabilities.authorization_days))
    }

    /// Whether an intent that has failed so often is given up: its payer is trying cards out.
    pub fn gives_up(&self, failures: u32) -> bool {
        self.failures_max > 0 && failures >= self.failures_max
    }

    /// The most that may be captured of an authorized amount, in minor units.
    pub fn overcapture_maximum(&self, authorized: i64) -> i64 {
        let extra = i128::from(authorized) * i128::from(self.capabilities.overcapture_percent) / 100;
        i64::try_from(i128::from(authorized) + extra).unwrap_or(i64::MAX)
    }
}
