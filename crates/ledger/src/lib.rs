//! The only writer of money: one batching committer for each tenant, on PostgreSQL.
