-- Open items: what waits for data, for time or for two people (schemas.items). All append-only: an item
-- is opened once, what becomes of it are changes with their own business date.

CREATE TABLE settlement.item (
    item_id         text     PRIMARY KEY,          -- held/17/3, chain_gap/<card>/<first missing place>, …
    kind            text     NOT NULL,
    opened_on       date     NOT NULL,             -- business date
    batch_seq       bigint,                        -- the tap it is about
    row_no          integer,
    card            bytea,                         -- 19 bytes
    terminal_id     bytea,                         -- 6 bytes
    operator_no     bigint,
    amount_fen      bigint   NOT NULL,             -- money that it speaks of
    account_no      integer  REFERENCES clearing.account,  -- where that money stands; NULL: nothing booked
    due_on          date     NOT NULL,             -- the window closes: what is not settled then ages out
    body            jsonb    NOT NULL              -- what a person must know more
);
CREATE INDEX item_by_date ON settlement.item (opened_on, kind);
CREATE INDEX item_by_tap ON settlement.item (batch_seq, row_no);
CREATE INDEX item_by_card ON settlement.item (card);

CREATE TABLE settlement.item_change (
    item_id         text     NOT NULL REFERENCES settlement.item,
    change_no       integer  NOT NULL,             -- 1, 2, … per item
    business_date   date     NOT NULL,
    state           text     NOT NULL CHECK (state IN ('open', 'closed')),
    outcome         text     NOT NULL,             -- schemas.items.ItemOutcome
    amount_fen      bigint   NOT NULL,             -- money that it speaks of from here on
    account_no      integer  REFERENCES clearing.account,
    entry_id        text     REFERENCES clearing.entry,
    proposal_no     bigint,
    body            jsonb    NOT NULL,
    PRIMARY KEY (item_id, change_no)
);
CREATE INDEX item_change_by_date ON settlement.item_change (business_date);

-- What an item's entry changed of what is owed to a card, beside its line: the float is lines + these.
CREATE TABLE settlement.adjustment (
    entry_id        text     NOT NULL REFERENCES clearing.entry,
    card            bytea    NOT NULL,
    item_id         text     NOT NULL REFERENCES settlement.item,
    business_date   date     NOT NULL,
    amount_fen      bigint   NOT NULL,             -- positive: more is owed to the card
    PRIMARY KEY (entry_id, card)
);
CREATE INDEX adjustment_by_card ON settlement.adjustment (card);
CREATE INDEX adjustment_by_date ON settlement.adjustment (business_date);

-- Two people: who proposes never decides.
CREATE TABLE settlement.proposal (
    proposal_no     bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id         text     NOT NULL REFERENCES settlement.item,
    action          text     NOT NULL,
    body            jsonb    NOT NULL,             -- the action's own words: why, refund agent, …
    proposed_by     text     NOT NULL,             -- staff name
    business_date   date     NOT NULL,
    clock_s         bigint   NOT NULL              -- the node's clock, local seconds
);
CREATE INDEX proposal_by_item ON settlement.proposal (item_id);
CREATE TABLE settlement.decision (
    proposal_no     bigint   PRIMARY KEY REFERENCES settlement.proposal,
    approved        boolean  NOT NULL,
    decided_by      text     NOT NULL,
    why             text     NOT NULL,
    business_date   date     NOT NULL,
    clock_s         bigint   NOT NULL
);
ALTER TABLE settlement.item_change ADD FOREIGN KEY (proposal_no) REFERENCES settlement.proposal;

CREATE FUNCTION settlement.refuse_one_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM settlement.proposal p
               WHERE p.proposal_no = NEW.proposal_no AND p.proposed_by = NEW.decided_by) THEN
        RAISE EXCEPTION '% proposed this and cannot decide it', NEW.decided_by
            USING HINT = 'Let another person decide.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER two_people BEFORE INSERT ON settlement.decision
    FOR EACH ROW EXECUTE FUNCTION settlement.refuse_one_person();

-- The issuers' load logs, and until when each is complete.
CREATE TABLE settlement.load_log (
    issuer_no       smallint NOT NULL,
    authorisation   text     NOT NULL,
    card            bytea    NOT NULL,
    online_counter  integer  NOT NULL,
    amount_fen      integer  NOT NULL,
    loaded_at       timestamp NOT NULL,
    operator_no     bigint   NOT NULL,
    imported_on     date     NOT NULL,             -- business date
    PRIMARY KEY (issuer_no, authorisation)
);
CREATE INDEX load_log_by_card ON settlement.load_log (card, online_counter);
CREATE INDEX load_log_by_date ON settlement.load_log (imported_on);
CREATE TABLE settlement.load_log_until (
    issuer_no       smallint NOT NULL,
    complete_until  timestamp NOT NULL,            -- every load before this moment is in the log
    imported_on     date     NOT NULL,
    PRIMARY KEY (issuer_no, complete_until)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON settlement.item
    FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON settlement.item_change
    FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON settlement.adjustment
    FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON settlement.proposal
    FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON settlement.decision
    FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON settlement.load_log
    FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON settlement.load_log_until
    FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change();
