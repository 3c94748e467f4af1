-- A tenant's books: five tables in a schema of its own. Run with that schema as the search path.

CREATE TABLE accounts (
    code text COLLATE "C" PRIMARY KEY,
    currency text COLLATE "C" NOT NULL,
    -- 0: unlimited, 1: credits cover debits, 2: debits cover credits.
    rule smallint NOT NULL CHECK (rule BETWEEN 0 AND 2),
    debits_posted bigint NOT NULL CHECK (debits_posted >= 0),
    credits_posted bigint NOT NULL CHECK (credits_posted >= 0),
    debits_pending bigint NOT NULL CHECK (debits_pending >= 0),
    credits_pending bigint NOT NULL CHECK (credits_pending >= 0),
    CHECK (rule <> 1 OR debits_posted + debits_pending <= credits_posted),
    CHECK (rule <> 2 OR credits_posted + credits_pending <= debits_posted)
) WITH (fillfactor = 50);

CREATE TABLE transfers (
    id uuid PRIMARY KEY,
    -- Log position of the first event of the commit that made it; with `ordinal`, the order of all transfers.
    position bigint NOT NULL CHECK (position > 0),
    ordinal smallint NOT NULL CHECK (ordinal >= 0),
    -- 1: post, 2: hold, 3: post a hold, 4: void a hold.
    action smallint NOT NULL CHECK (action BETWEEN 1 AND 4),
    object_kind smallint NOT NULL,
    -- The hold is closed by this transfer, whatever of it remains.
    last boolean NOT NULL,
    hold uuid,
    object uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0 OR (action = 4 AND amount = 0)),
    created timestamptz NOT NULL,
    debit text COLLATE "C" NOT NULL,
    credit text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    CHECK (debit <> credit),
    CHECK ((action IN (3, 4)) = (hold IS NOT NULL))
);
CREATE INDEX transfers_hold ON transfers (hold) WHERE hold IS NOT NULL;

-- Ids are time-ordered: a list, newest first, reads the primary key backwards.
CREATE TABLE objects (
    kind smallint NOT NULL,
    parent_kind smallint,
    version integer NOT NULL CHECK (version > 0),
    id uuid NOT NULL,
    customer uuid,
    parent uuid,
    due timestamptz,
    status text COLLATE "C",
    -- JSON, written by the ledger alone: a text, for checking it again would cost a tenth of a payment.
    state text NOT NULL,
    PRIMARY KEY (kind, id),
    CHECK ((parent IS NULL) = (parent_kind IS NULL))
) WITH (fillfactor = 85);
CREATE INDEX objects_customer ON objects (customer, kind, id) WHERE customer IS NOT NULL;
CREATE INDEX objects_parent ON objects (parent, kind, id) WHERE parent IS NOT NULL;
CREATE INDEX objects_due ON objects (due) WHERE due IS NOT NULL;

CREATE TABLE events (
    position bigint PRIMARY KEY CHECK (position > 0),
    created timestamptz NOT NULL,
    object uuid NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    kind smallint NOT NULL,
    type text COLLATE "C",
    -- JSON, as `objects.state`.
    change text NOT NULL,
    request_id text COLLATE "C",
    idempotency_key text COLLATE "C"
);
CREATE UNIQUE INDEX events_object ON events (kind, object, version);

-- No index by time: the clean-up reads the table once in a while, and every payment would pay for the index.
CREATE TABLE idempotency_keys (
    key text COLLATE "C" PRIMARY KEY,
    created timestamptz NOT NULL,
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    -- NULL: the first request has not been answered yet.
    status smallint,
    object_kind smallint,
    version integer,
    object uuid,
    body text
);

-- Nothing updates or deletes an event or a transfer.
GRANT SELECT, INSERT ON accounts, transfers, objects, events, idempotency_keys TO florin_service;
GRANT UPDATE ON accounts, objects, idempotency_keys TO florin_service;
GRANT DELETE ON idempotency_keys TO florin_service;

-- The 22 digits of an id as it is shown, without its prefix. The 128 bits are divided as four 32-bit parts, five
-- digits at a time, so that everything fits into bigint.
CREATE FUNCTION base62(id uuid) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    digits CONSTANT text := '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    hex CONSTANT text := replace(id::text, '-', '');
    a bigint := ('x' || substr(hex, 1, 8))::bit(32)::bigint;
    b bigint := ('x' || substr(hex, 9, 8))::bit(32)::bigint;
    c bigint := ('x' || substr(hex, 17, 8))::bit(32)::bigint;
    d bigint := ('x' || substr(hex, 25, 8))::bit(32)::bigint;
    rest bigint;
    shown text := '';
BEGIN
    FOR round IN 1..4 LOOP
        rest := a % 916132832;
        a := a / 916132832;
        b := rest << 32 | b;
        rest := b % 916132832;
        b := b / 916132832;
        c := rest << 32 | c;
        rest := c % 916132832;
        c := c / 916132832;
        d := rest << 32 | d;
        rest := d % 916132832;
        d := d / 916132832;
        shown := substr(digits, (rest / 14776336 + 1)::int, 1)
            || substr(digits, (rest / 238328 % 62 + 1)::int, 1)
            || substr(digits, (rest / 3844 % 62 + 1)::int, 1)
            || substr(digits, (rest / 62 % 62 + 1)::int, 1)
            || substr(digits, (rest % 62 + 1)::int, 1)
            || shown;
    END LOOP;
    RETURN substr(digits, (d / 62 + 1)::int, 1) || substr(digits, (d % 62 + 1)::int, 1) || shown;
END $$;

-- The value of an id as it is shown, with or without a prefix: to find an object by its `uuid` column.
CREATE FUNCTION id_value(shown text) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    digits CONSTANT text := '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    part numeric := 0;
    hex text := '';
BEGIN
    IF shown !~ '^([a-z_]+_)?[0-9A-Za-z]{22}$' THEN
        RAISE EXCEPTION 'not an id: %', shown USING ERRCODE = 'invalid_text_representation';
    END IF;
    FOR place IN 1..22 LOOP
        part := part * 62 + strpos(digits, substr(right(shown, 22), place, 1)) - 1;
    END LOOP;
    FOR place IN 1..8 LOOP
        hex := lpad(to_hex((part % 65536)::int), 4, '0') || hex;
        part := div(part, 65536);
    END LOOP;
    IF part > 0 THEN
        RAISE EXCEPTION 'not an id: %', shown USING ERRCODE = 'invalid_text_representation';
    END IF;
    RETURN hex::uuid;
END $$;
