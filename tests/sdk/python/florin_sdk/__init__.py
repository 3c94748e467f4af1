"""What the SDK suites share: the contract's schema, capturing clients, and builders."""
