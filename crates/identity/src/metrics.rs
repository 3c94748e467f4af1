//! What is measured of keys.

platform::metrics! {
    /// How often a key was believed that could not be looked up.
    counter stale_keys("florin_stale_keys_total")
}
