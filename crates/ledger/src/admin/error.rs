use platform::database::with_causes;

/// Why an administrator's work failed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("PostgreSQL refused: {}", with_causes(.0))]
    Database(#[from] tokio_postgres::Error),
    #[error("the tables cannot be migrated: {}", with_causes(.0))]
    Migration(#[from] Box<refinery::Error>),
}
