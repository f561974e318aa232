-- Clearing: node, registries, business days, batches, taps, ledger, events.
-- bytea columns are STORAGE EXTERNAL: compression costs more than the bytes it saves.

CREATE SCHEMA clearing;

-- One row: what this node is.
CREATE TABLE clearing.node (
    only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    role            text    NOT NULL CHECK (role IN ('city', 'province')),
    city            text    NOT NULL,              -- UnionPay area code; '0000' at the province
    name            text    NOT NULL,
    opened_on       date    NOT NULL,              -- first open business date
    historical      boolean NOT NULL,              -- runs on a clock of its own, set to the open date
    production      boolean NOT NULL DEFAULT false,
    writer_epoch    bigint  NOT NULL DEFAULT 0,    -- raised by each engine that becomes the writer
    registry_version integer NOT NULL DEFAULT 0,
    rules_version   integer NOT NULL DEFAULT 0
);

-- Registries are dated by version: a row is in force in versions [version_from, version_to).
CREATE TABLE clearing.registry (
    kind            text    NOT NULL,              -- operator, terminal, issuer, key_set, denied, denylist_ack, station …
    key             text    NOT NULL,
    version_from    integer NOT NULL,
    version_to      integer,
    body            jsonb   NOT NULL,
    PRIMARY KEY (kind, key, version_from)
);
CREATE INDEX registry_in_force ON clearing.registry (kind, version_from);

-- Cards that our issuer issued, with their opening position; one packed 64-byte line each.
CREATE TABLE clearing.card (
    card            bytea   NOT NULL,              -- family, issuer, serial: 19 bytes
    version_from    integer NOT NULL,
    line            bytea   NOT NULL,
    PRIMARY KEY (card, version_from)
);
ALTER TABLE clearing.card ALTER COLUMN line SET STORAGE EXTERNAL;
CREATE INDEX card_by_version ON clearing.card (version_from);

-- Rule sets as they were loaded, whole, so that a sealed day can be replayed under them.
CREATE TABLE clearing.rules (
    rules_version   integer PRIMARY KEY,
    digest          bytea   NOT NULL,
    files           jsonb   NOT NULL               -- {name: text}
);

CREATE TABLE clearing.account (
    account_no      integer PRIMARY KEY,
    code            text    NOT NULL UNIQUE,
    purse           smallint NOT NULL,
    kind            text    NOT NULL,
    participant     text    NOT NULL
);

-- open → cut_off → complete → audited → netted → stated → instructed → sealed
CREATE TABLE clearing.business_day (
    business_date   date    PRIMARY KEY,
    state           text    NOT NULL CHECK (state IN
        ('open', 'cut_off', 'complete', 'audited', 'netted', 'stated', 'instructed', 'sealed')),
    first_batch_seq bigint,                        -- set at cut-off; NULL = no batch
    last_batch_seq  bigint,
    registry_version integer,                      -- at cut-off: cards registered up to it are in the closing state
    rules_version   integer,
    rules_digest    bytea,
    taps_root       bytea,
    ledger_root     bytea,
    events_root     bytea,
    papers_root     bytea,
    seal            bytea
);
CREATE UNIQUE INDEX one_open_day ON clearing.business_day ((true)) WHERE state = 'open';

CREATE TABLE clearing.batch (
    batch_seq       bigint  PRIMARY KEY,           -- gapless, assigned inside the commit
    business_date   date    NOT NULL REFERENCES clearing.business_day,
    source          smallint NOT NULL,             -- 0 operator, 1 presentment of another city
    operator_no     bigint  NOT NULL,              -- 0 for a presentment
    number          numeric(20) NOT NULL,
    origin          text    NOT NULL DEFAULT '',   -- presentment: name of the message
    declared_date   date    NOT NULL,
    profile         text    NOT NULL,
    checks          integer NOT NULL,
    digest          bytea   NOT NULL,
    signature       bytea   NOT NULL,
    tap_count       integer NOT NULL,
    judged_at_s     bigint  NOT NULL,              -- node's clock, local seconds
    rules_version   integer NOT NULL,
    registry_version integer NOT NULL,
    denylist_version integer NOT NULL,
    batch_root      bytea   NOT NULL,
    receipt         bytea   NOT NULL,
    UNIQUE (source, operator_no, number, origin)
);
CREATE INDEX batch_by_day ON clearing.batch (business_date, batch_seq);
CREATE INDEX batch_by_operator ON clearing.batch (operator_no, number);
ALTER TABLE clearing.batch ALTER COLUMN receipt SET STORAGE EXTERNAL;

-- One row a tap. The open day's partition is append-only and has no index; the night builds a
-- unique index on identity where the tap is not rejected or its debit is proven (clearing.tap_YYYYMMDD):
-- what a rejected tap without proof held is free again, what moved money is not.
-- The canonical record = rest[0] | identity | operator_no | kind | amount | gross | rest[1:].
CREATE TABLE clearing.tap (
    business_date   date     NOT NULL,
    batch_seq       bigint   NOT NULL,
    row_no          integer  NOT NULL,
    verdict         smallint NOT NULL,             -- 0 accepted, 1 held, 2 rejected
    reason          smallint NOT NULL,
    flags           bigint   NOT NULL,
    kind            smallint NOT NULL,
    operator_no     bigint   NOT NULL,
    issuer_no       smallint NOT NULL,             -- registry number of the card's issuer; 0 unknown
    tapped_at       timestamp NOT NULL,            -- -infinity where the record has no valid time
    amount_fen      integer  NOT NULL,
    gross_fen       integer  NOT NULL,
    priced_fen      integer  NOT NULL,             -- what our tariff allows, nearest to the amount
    credited_fen    integer  NOT NULL,             -- what went to the operator's side
    subsidy_fen     integer  NOT NULL,
    debit_proven    boolean  NOT NULL,             -- the record proves that money left a card of ours
    identity        bytea    NOT NULL,
    rest            bytea    NOT NULL
) PARTITION BY RANGE (business_date);
ALTER TABLE clearing.tap ALTER COLUMN identity SET STORAGE EXTERNAL;
ALTER TABLE clearing.tap ALTER COLUMN rest SET STORAGE EXTERNAL;

-- Why a reason applies: for taps with something to say only.
CREATE TABLE clearing.evidence (
    batch_seq       bigint   NOT NULL,
    row_no          integer  NOT NULL,
    reason          smallint NOT NULL,
    expected        bigint   NOT NULL,
    actual          bigint   NOT NULL
);
CREATE INDEX evidence_by_tap ON clearing.evidence (batch_seq, row_no);

-- The ledger: append-only, balanced per entry and purse; debit positive, credit negative.
CREATE TABLE clearing.entry (
    entry_id        text     PRIMARY KEY,          -- batch/17, night/2026-01-05/fees, exchange/…
    business_date   date     NOT NULL REFERENCES clearing.business_day,
    batch_seq       bigint,
    narrative       text     NOT NULL,
    corrects        text                           -- entry or tap that this one names
);
CREATE INDEX entry_by_day ON clearing.entry (business_date);
CREATE TABLE clearing.posting (
    entry_id        text     NOT NULL REFERENCES clearing.entry,
    line_no         smallint NOT NULL,
    account_no      integer  NOT NULL REFERENCES clearing.account,
    purpose         smallint NOT NULL,
    cycle           date,                          -- province cycle, where the account is kept by cycle
    tap_count       integer  NOT NULL,
    amount_fen      bigint   NOT NULL,
    PRIMARY KEY (entry_id, line_no)
);
CREATE INDEX posting_by_account ON clearing.posting (account_no);

-- Card state at the end of a sealed day: pages of 64-byte lines, changed ones only.
CREATE TABLE clearing.card_page (
    page_no         integer  NOT NULL,
    business_date   date     NOT NULL,
    lines           bytea    NOT NULL,
    PRIMARY KEY (page_no, business_date)
);
ALTER TABLE clearing.card_page ALTER COLUMN lines SET STORAGE EXTERNAL;

-- Append-only audit trail; its leaves make events_root.
CREATE TABLE clearing.event (
    event_no        bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    business_date   date     NOT NULL,
    subject         text     NOT NULL,             -- what it is about, unique per thing that happens once
    kind            text     NOT NULL,
    body            jsonb    NOT NULL,
    UNIQUE (kind, subject)
);
CREATE INDEX event_by_day ON clearing.event (business_date, event_no);

CREATE FUNCTION clearing.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING HINT = 'Correct by a new entry on the open date.';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON clearing.batch
    FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON clearing.tap
    FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON clearing.entry
    FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON clearing.posting
    FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON clearing.event
    FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change();

-- The canonical record of a stored tap.
CREATE FUNCTION clearing.canonical(t clearing.tap) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT substr(t.rest, 1, 1) || t.identity
        || substr(int8send(t.operator_no), 5) || substr(int2send(t.kind), 2)
        || int4send(t.amount_fen) || int4send(t.gross_fen) || substr(t.rest, 2)
$$;

CREATE VIEW clearing.trial_balance AS
    SELECT e.business_date, a.account_no, a.code, a.purse, sum(p.amount_fen)::bigint AS amount_fen
    FROM clearing.posting p JOIN clearing.entry e USING (entry_id) JOIN clearing.account a USING (account_no)
    GROUP BY e.business_date, a.account_no;

-- What an operator may read: its own batches and their taps, enforced by the database as well as above
-- it. The reading role sees rows of `onecard.operator_no` only; the engine owns the tables and passes.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'onecard_operator') THEN
        CREATE ROLE onecard_operator NOLOGIN;
    END IF;
END $$;
GRANT onecard_operator TO CURRENT_USER;
GRANT USAGE ON SCHEMA clearing TO onecard_operator;
ALTER TABLE clearing.batch ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_batches ON clearing.batch FOR SELECT TO onecard_operator
    USING (source = 0 AND operator_no = current_setting('onecard.operator_no')::bigint);
GRANT SELECT ON clearing.batch TO onecard_operator;
CREATE VIEW clearing.own_tap WITH (security_barrier) AS
    SELECT t.*, clearing.canonical(t) AS record FROM clearing.tap t JOIN clearing.batch b USING (batch_seq)
    WHERE b.source = 0 AND b.operator_no = current_setting('onecard.operator_no')::bigint
      AND t.business_date = b.business_date;
CREATE VIEW clearing.own_evidence WITH (security_barrier) AS
    SELECT v.* FROM clearing.evidence v JOIN clearing.batch b USING (batch_seq)
    WHERE b.source = 0 AND b.operator_no = current_setting('onecard.operator_no')::bigint;
GRANT SELECT ON clearing.own_tap, clearing.own_evidence TO onecard_operator;
