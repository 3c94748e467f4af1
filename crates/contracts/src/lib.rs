//! The traits that may cross a process: what callers of a service hold.
