-- Fees: what each date came to under each fee of each contract. A month's tiers, bounds and bill are read
-- from the rows of its dates.

CREATE TABLE settlement.fee (
    business_date   date     NOT NULL,
    operator_no     bigint   NOT NULL,
    fee             text     NOT NULL,             -- full name of the rule
    rules_version   integer  NOT NULL,
    own_fen         bigint   NOT NULL,             -- the date's principal that the fee is on, own cards
    own_taps        bigint   NOT NULL,             -- the date's rides that the fee is on, own cards
    foreign_fen     bigint   NOT NULL,             -- the same, other cities' cards
    foreign_taps    bigint   NOT NULL,
    due_fen         bigint   NOT NULL,             -- what the date added to the fee
    booked_fen      bigint   NOT NULL,             -- what was booked on the date
    PRIMARY KEY (operator_no, fee, business_date)
);
CREATE INDEX fee_by_date ON settlement.fee (business_date);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON settlement.fee
    FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change();
