//! What the API and the worker measure.

platform::metrics! {
    /// Payers' tries to pay that have failed, with publishable keys in live mode.
    counter card_testing_failures("florin_card_testing_failures_total")
    /// Tries to pay that were refused because too many had failed, or intents that were canceled for it, by what the limit is of.
    counter card_testing_refusals("florin_card_testing_refusals_total") { limit: ["address", "card", "intent", "key"] }
    /// Objects that are due, when the worker last looked at all (each minute); of the process that leads.
    gauge worker_due("florin_worker_due_objects") { kind }
    /// For how long the longest due object has been due, at the worker's looks of the last minute; of the process that leads.
    gauge worker_lag("florin_worker_lag_seconds")
    /// How long a round of the worker took.
    histogram worker_round_duration("florin_worker_round_duration_seconds")
    /// When the worker ended a round last, in seconds since 1970.
    gauge worker_last_round("florin_worker_last_round_timestamp_seconds")
    /// Objects that the worker has dealt with: `conflict` if another process was faster, `failed` if it is tried again.
    counter worker_objects("florin_worker_objects_total") { kind, outcome: ["conflict", "done", "failed"] }
    /// Jobs that the worker has done, each for a tenant.
    counter worker_jobs("florin_worker_jobs_total") { job, outcome: ["conflict", "done", "failed"] }
}
