-- compatible_from: 1
-- The books of all tenants, in shared tables: a batch of many tenants costs no more than a batch of one, and a
-- thousand tenants do not need thousands of tables. To be run with the schema of the tables as the search path.
--
-- Every index besides a primary key has a condition, even where it always holds: PostgreSQL uses the index only for
-- queries from which the condition follows. Of a tenant that its statistics do not know it believes that there is one row
-- at most; then any index that begins with the tenant seems as good as the primary key, and may read all that the tenant
-- has to find one row.

CREATE TABLE books (
    -- The column `tenant` of all other tables: four bytes instead of sixteen in each row and in each index.
    number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant uuid NOT NULL UNIQUE,
    -- A digest of the definitions of the tenant's SQL views; NULL: the views do not exist yet.
    views bigint
);

CREATE TABLE accounts (
    tenant int NOT NULL,
    code text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    -- 0: unlimited, 1: credits cover debits, 2: debits cover credits.
    rule smallint NOT NULL CHECK (rule BETWEEN 0 AND 2),
    debits_posted bigint NOT NULL CHECK (debits_posted >= 0),
    credits_posted bigint NOT NULL CHECK (credits_posted >= 0),
    debits_pending bigint NOT NULL CHECK (debits_pending >= 0),
    credits_pending bigint NOT NULL CHECK (credits_pending >= 0),
    PRIMARY KEY (tenant, code),
    CHECK (rule <> 1 OR debits_posted + debits_pending <= credits_posted),
    CHECK (rule <> 2 OR credits_posted + credits_pending <= debits_posted)
) WITH (fillfactor = 50);

CREATE TABLE transfers (
    tenant int NOT NULL,
    -- Numbers the transfers of one commit, from 0. `position` and `ordinal` are the order of all transfers.
    ordinal smallint NOT NULL CHECK (ordinal >= 0),
    -- 1: post, 2: hold, 3: post a hold, 4: void a hold.
    action smallint NOT NULL CHECK (action BETWEEN 1 AND 4),
    -- The log row of the commit that made the transfer.
    position bigint NOT NULL CHECK (position > 0),
    id uuid NOT NULL,
    object uuid NOT NULL,
    object_kind smallint NOT NULL,
    -- Whether the transfer closes the hold, even if something of it remains.
    last boolean NOT NULL,
    hold uuid,
    amount bigint NOT NULL CHECK (amount > 0 OR (action = 4 AND amount = 0)),
    created timestamptz NOT NULL,
    debit text COLLATE "C" NOT NULL,
    credit text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id),
    CHECK (debit <> credit),
    CHECK ((action IN (3, 4)) = (hold IS NOT NULL))
);
-- For `florin ledger verify`, which goes through the log and the transfers side by side.
CREATE INDEX transfers_position ON transfers (tenant, position, ordinal) WHERE position IS NOT NULL;
CREATE INDEX transfers_hold ON transfers (tenant, hold) WHERE hold IS NOT NULL;

-- One row for each commit, with its log entries in order.
CREATE TABLE log (
    tenant int NOT NULL,
    -- How many entries the row has. They have the positions `position`, `position + 1` and so on. There are no gaps.
    size smallint NOT NULL CHECK (size > 0),
    position bigint NOT NULL CHECK (position > 0),
    -- Never earlier than in the row before: so a time is a position.
    created timestamptz NOT NULL,
    -- The public types of the entries, each once, as `tenant/type`; NULL: no entry has one.
    types text[],
    request_id text COLLATE "C",
    idempotency_key text COLLATE "C",
    -- JSON in UTF-8: `[{"object": id, "version": n, "type": public type, "change": {…}}, …]`. The change is the whole
    -- state at version 1, and a merge patch afterwards. Bytes, so that a part can be read by its place.
    entries bytea NOT NULL,
    -- SHA-256 of the hash of the row before and of all that the commit has written. So no row can be changed without
    -- changing the hash of every later row.
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (tenant, position)
) WITH (toast_tuple_target = 8160);
-- Compressing two kilobytes would cost more than writing them.
ALTER TABLE log ALTER COLUMN entries SET STORAGE EXTERNAL;
CREATE INDEX log_created ON log (tenant, created, position) WHERE created IS NOT NULL;
-- Commits of the same sort have the same public types, so a tenant has few sets of types, and this index has one entry
-- for a commit however many types it has. The commits with a type are those of the sets with the type, in order.
CREATE INDEX log_types ON log (tenant, hash_array_extended(types, 0), position) WHERE types IS NOT NULL;

-- Ids are time-ordered: a list, newest first, reads the primary key backwards.
CREATE TABLE objects (
    tenant int NOT NULL,
    kind smallint NOT NULL,
    parent_kind smallint,
    version int NOT NULL CHECK (version > 0),
    -- The first state in the entries of the log row `position`: first byte (from 1) and length.
    start int NOT NULL CHECK (start > 0),
    length int NOT NULL CHECK (length > 0),
    -- The log row of the commit that created the object.
    position bigint NOT NULL CHECK (position > 0),
    -- When a worker has to look at the object; NULL: never.
    due timestamptz,
    id uuid NOT NULL,
    customer uuid,
    parent uuid,
    status text COLLATE "C",
    -- Numbers by which a search finds the object; NULL: none.
    terms bigint[],
    -- JSON; NULL at version 1, whose state is in the log. Of type text, because the check that `json` makes would cost
    -- a tenth of a payment.
    state text,
    PRIMARY KEY (tenant, kind, id),
    CHECK ((parent IS NULL) = (parent_kind IS NULL)),
    CHECK ((state IS NULL) = (version = 1))
) WITH (fillfactor = 85);
CREATE INDEX objects_customer ON objects (tenant, customer, kind, id) WHERE customer IS NOT NULL;
CREATE INDEX objects_parent ON objects (tenant, parent, kind, id) WHERE parent IS NOT NULL;
CREATE INDEX objects_due ON objects (due, tenant, kind, id) WHERE due IS NOT NULL;
-- No pending list: moving it into the index would delay a batch for a moment now and then.
CREATE INDEX objects_terms ON objects USING gin (terms) WITH (fastupdate = off) WHERE terms IS NOT NULL;

-- The commits that changed an object after its creation.
CREATE TABLE revisions (
    tenant int NOT NULL,
    kind smallint NOT NULL,
    -- The first of the versions that the commit gave the object.
    version int NOT NULL CHECK (version > 1),
    object uuid NOT NULL,
    -- The log row of the commit.
    position bigint NOT NULL CHECK (position > 1),
    PRIMARY KEY (tenant, kind, object, version)
);

-- No index by time: the clean-up rarely reads the table, and every payment would write to the index.
CREATE TABLE idempotency_keys (
    -- The first half of the SHA-256 of tenant and key. Keys come in no order, so each is written to another page of the
    -- index. The smaller they are, the fewer pages there are to read, and to write as a whole after a checkpoint.
    id uuid PRIMARY KEY,
    tenant int NOT NULL,
    created timestamptz NOT NULL,
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    -- The HTTP status of the answer; NULL: the first request has not been answered yet.
    status smallint,
    object_kind smallint,
    version integer,
    object uuid,
    key text COLLATE "C" NOT NULL,
    body text
);

-- Whether anything would be written is tried out here once a second, by each server in a row of its own. It fills pages, and undoes
-- that, while the disk is full.
CREATE TABLE probes (
    slot int PRIMARY KEY,
    tried timestamptz NOT NULL,
    filling text
) WITH (fillfactor = 25);
ALTER TABLE probes ALTER COLUMN filling SET STORAGE PLAIN;

-- Nothing may update or delete a log entry or a transfer.
GRANT SELECT ON books TO florin_service;
GRANT SELECT, INSERT ON accounts, transfers, log, objects, revisions, idempotency_keys, probes TO florin_service;
-- What may change, column by column: an account keeps its currency and rule, an object its first state and its place in
-- the log, a key its tenant.
GRANT UPDATE (debits_posted, credits_posted, debits_pending, credits_pending) ON accounts TO florin_service;
GRANT UPDATE (version, customer, parent_kind, parent, status, due, terms, state) ON objects TO florin_service;
GRANT UPDATE (fingerprint, created, status, object_kind, object, version, body) ON idempotency_keys TO florin_service;
GRANT UPDATE (tried) ON probes TO florin_service;
GRANT DELETE ON idempotency_keys TO florin_service;

-- Ends a statement that writes, and undoes what it has done so far.
CREATE FUNCTION refuse(error text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RAISE EXCEPTION 'not as the committer took it to be' USING ERRCODE = error;
END $$;

-- The 22 digits of an id without its prefix. The 128 bits are divided as four parts of 32 bits, five digits at a time,
-- so that every intermediate value fits into bigint.
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

-- The value of an id, which may be given with or without its prefix: to find an object by the column `uuid` of its SQL
-- view.
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
