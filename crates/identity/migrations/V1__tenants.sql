-- compatible_from: 1
-- Tenants and the hashes of their keys. Run with the schema `florin` as the search path.

CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (name <> ''),
    created timestamptz NOT NULL,
    settings json NOT NULL,
    deleted_at timestamptz
);
CREATE UNIQUE INDEX tenants_name ON tenants (name) WHERE deleted_at IS NULL;

CREATE TABLE api_keys (
    -- SHA-256 of the key: the key cannot be read back.
    hash bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    tenant uuid NOT NULL REFERENCES tenants,
    -- 'secret' or 'publishable'.
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('secret', 'publishable')),
    livemode boolean NOT NULL,
    -- Empty for a key that is too short to show any of it.
    last4 text NOT NULL CHECK (length(last4) <= 4),
    created timestamptz NOT NULL,
    -- From then on the key does not work: it was revoked, or another one has taken its place. NULL: it has no end.
    expires_at timestamptz
);
CREATE INDEX api_keys_tenant ON api_keys (tenant);

-- The owner adds tenants and keys, and ends keys: a server that was taken over can add none, and bring none back.
GRANT SELECT ON tenants, api_keys TO florin_service;
