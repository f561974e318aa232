-- Re-clearing: what a sealed date would have come to under other rules, tap by tap, as one person proposed
-- it; what another person approved is booked from these rows. Such a proposal is about a date, not an item.

ALTER TABLE settlement.proposal ALTER COLUMN item_id DROP NOT NULL;
ALTER TABLE settlement.proposal
    ADD CONSTRAINT about_an_item_or_a_date CHECK ((item_id IS NULL) = (action = 'reclear'));

CREATE TABLE settlement.reclear (
    proposal_no     bigint   PRIMARY KEY REFERENCES settlement.proposal,
    business_date   date     NOT NULL,             -- on which it was proposed
    corrects        date     NOT NULL REFERENCES clearing.business_day,
    rules_version   integer  NOT NULL REFERENCES clearing.rules,
    taps            integer  NOT NULL CHECK (taps > 0),
    digest          bytea    NOT NULL              -- SHA-256 over the canonical lines of its taps
);
CREATE INDEX reclear_by_date ON settlement.reclear (business_date);
CREATE INDEX reclear_by_corrected ON settlement.reclear (corrects);

CREATE TABLE settlement.reclear_tap (
    proposal_no     bigint   NOT NULL REFERENCES settlement.reclear,
    business_date   date     NOT NULL,             -- as in its reclear
    batch_seq       bigint   NOT NULL,
    row_no          integer  NOT NULL,
    operator_no     bigint   NOT NULL,
    amount_fen      integer  NOT NULL,             -- signed by the card; nothing changes it
    debit_proven    boolean  NOT NULL,
    was             jsonb    NOT NULL,             -- as stored and corrected so far: verdict, reason, flags, money
    becomes         jsonb    NOT NULL,             -- the same under the other rules
    deltas          jsonb    NOT NULL,             -- [[account, purpose, fen], …]; they sum to zero
    items           jsonb    NOT NULL,             -- {item of the tap: changes of it so far}
    PRIMARY KEY (proposal_no, batch_seq, row_no)
);
CREATE INDEX reclear_tap_by_date ON settlement.reclear_tap (business_date);
CREATE INDEX reclear_tap_by_tap ON settlement.reclear_tap (batch_seq, row_no);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON settlement.reclear
    FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON settlement.reclear_tap
    FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change();
