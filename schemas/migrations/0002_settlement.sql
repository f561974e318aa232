-- Settlement: positions, papers, instructions; and the exchange between cities.

CREATE SCHEMA settlement;

CREATE TABLE settlement.position (
    business_date   date     NOT NULL,
    purse           smallint NOT NULL,
    participant     text     NOT NULL,             -- operator/12, issuer/1, province, city/7910 …
    amount_fen      bigint   NOT NULL,             -- positive: is to be paid; negative: owes
    PRIMARY KEY (business_date, purse, participant)
);

CREATE TABLE settlement.instruction (
    business_date   date     NOT NULL,
    instruction_id  text     NOT NULL,             -- end-to-end id; unique for ever
    purse           smallint NOT NULL,
    debtor          text     NOT NULL,
    creditor        text     NOT NULL,
    amount_fen      bigint   NOT NULL CHECK (amount_fen > 0),
    PRIMARY KEY (instruction_id)
);

-- Every paper of a day as it was made, byte for byte.
CREATE TABLE settlement.paper (
    business_date   date     NOT NULL,
    name            text     NOT NULL,             -- path below papers/DATE/
    sha256          bytea    NOT NULL,
    content         bytea    NOT NULL,
    PRIMARY KEY (business_date, name)
);
ALTER TABLE settlement.paper ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE SCHEMA exchange;

-- Signed, numbered messages: (sender, receiver, number) is gapless per pair. `sent` at the receiver's
-- acknowledgement. A message is written in the transaction of what it tells.
CREATE TABLE exchange.outbox (
    receiver        text     NOT NULL,
    number          bigint   NOT NULL,
    kind            text     NOT NULL,
    subject         text     NOT NULL,
    body            bytea    NOT NULL,             -- the signed envelope, as sent
    acknowledged    boolean  NOT NULL DEFAULT false,
    PRIMARY KEY (receiver, number),
    UNIQUE (receiver, kind, subject)
);
ALTER TABLE exchange.outbox ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE exchange.inbox (
    sender          text     NOT NULL,
    number          bigint   NOT NULL,
    kind            text     NOT NULL,
    subject         text     NOT NULL,
    body            bytea    NOT NULL,
    applied         boolean  NOT NULL DEFAULT false,
    business_date   date,                          -- on which it was applied
    PRIMARY KEY (sender, number)
);
ALTER TABLE exchange.inbox ALTER COLUMN body SET STORAGE EXTERNAL;

-- A presentment: all claims of one acquirer against one issuer of one business date (in parts).
CREATE TABLE exchange.presentment (
    presentment_id  text     PRIMARY KEY,          -- 7910-7930-20260105-1
    direction       text     NOT NULL CHECK (direction IN ('out', 'in', 'through')),
    acquirer        text     NOT NULL,
    issuer          text     NOT NULL,
    business_date   date     NOT NULL,             -- the acquirer's
    tap_count       integer  NOT NULL,
    debit_fen       bigint   NOT NULL,             -- fares: issuer owes acquirer
    load_fen        bigint   NOT NULL,             -- top-ups: acquirer owes issuer
    credits         jsonb    NOT NULL DEFAULT '{}',-- at the acquirer: {account_no: unconfirmed fen credited}
    state           text     NOT NULL CHECK (state IN ('presented', 'answered', 'cleared')),
    refused_count   integer  NOT NULL DEFAULT 0,
    refused_debit_fen bigint NOT NULL DEFAULT 0,
    refused_load_fen  bigint NOT NULL DEFAULT 0,
    cycle           date
);
-- What an issuer refused, by the position in the presentment.
CREATE TABLE exchange.refusal (
    presentment_id  text     NOT NULL REFERENCES exchange.presentment,
    position        integer  NOT NULL,
    reason          smallint NOT NULL,
    batch_seq       bigint,                        -- at the acquirer: which tap
    row_no          integer,
    amount_fen      integer  NOT NULL,
    PRIMARY KEY (presentment_id, position)
);
CREATE TABLE exchange.clearing_total (
    cycle           date     NOT NULL,
    city            text     NOT NULL,
    purse           smallint NOT NULL,
    amount_fen      bigint   NOT NULL,             -- positive: the city is to be paid
    PRIMARY KEY (cycle, city, purse)
);
