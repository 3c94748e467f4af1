//! What any service needs and no payment is in: database pool, telemetry, metrics.
