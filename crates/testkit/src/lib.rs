//! In-memory model of the ledger, clean databases, builders: what tests stand on.
