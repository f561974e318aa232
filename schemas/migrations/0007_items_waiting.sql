-- Where each item stands now, so that reading the open ones does not look through the changes of all.
-- Derived from item and item_change by their triggers, never written otherwise. How an item stood on an
-- earlier date is read from its changes (settlement.store.items).

CREATE TABLE settlement.item_waiting (
    item_id         text     PRIMARY KEY,
    kind            text     NOT NULL,
    opened_on       date     NOT NULL,
    operator_no     bigint,
    changes         integer  NOT NULL,             -- number of its last change, 0: as it was opened
    changed_on      date     NOT NULL,
    state           text     NOT NULL,
    outcome         text     NOT NULL,
    amount_fen      bigint   NOT NULL,
    account_no      integer                        -- a closed item stands here while its money does
);
CREATE INDEX item_waiting_by_age ON settlement.item_waiting (opened_on, item_id COLLATE "C")
    WHERE state = 'open';
CREATE INDEX item_waiting_by_kind ON settlement.item_waiting (kind, opened_on, item_id COLLATE "C")
    WHERE state = 'open';
CREATE INDEX item_by_terminal ON settlement.item (terminal_id) WHERE terminal_id IS NOT NULL;

CREATE FUNCTION settlement.note_items() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO settlement.item_waiting
    SELECT item_id, kind, opened_on, operator_no, 0, opened_on, 'open', 'opened', amount_fen, account_no
    FROM added;
    RETURN NULL;
END $$;

CREATE FUNCTION settlement.note_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO settlement.item_waiting
    SELECT c.item_id, i.kind, i.opened_on, i.operator_no, c.change_no, c.business_date, c.state, c.outcome,
        c.amount_fen, c.account_no
    FROM (SELECT DISTINCT ON (item_id) * FROM added ORDER BY item_id, change_no DESC) c
        JOIN settlement.item i USING (item_id)
    ON CONFLICT (item_id) DO UPDATE SET (changes, changed_on, state, outcome, amount_fen, account_no)
        = (excluded.changes, excluded.changed_on, excluded.state, excluded.outcome, excluded.amount_fen,
           excluded.account_no)
        WHERE excluded.changes > item_waiting.changes;
    DELETE FROM settlement.item_waiting w USING added
    WHERE w.item_id = added.item_id AND w.state = 'closed' AND w.account_no IS NULL;
    RETURN NULL;
END $$;

INSERT INTO settlement.item_waiting
SELECT i.item_id, i.kind, i.opened_on, i.operator_no, coalesce(c.change_no, 0),
    coalesce(c.business_date, i.opened_on), coalesce(c.state, 'open'), coalesce(c.outcome, 'opened'),
    CASE WHEN c.change_no IS NULL THEN i.amount_fen ELSE c.amount_fen END,
    CASE WHEN c.change_no IS NULL THEN i.account_no ELSE c.account_no END
FROM settlement.item i LEFT JOIN (SELECT DISTINCT ON (item_id) * FROM settlement.item_change
    ORDER BY item_id, change_no DESC) c USING (item_id)
WHERE c.change_no IS NULL OR c.state = 'open' OR c.account_no IS NOT NULL;

CREATE TRIGGER note_items AFTER INSERT ON settlement.item
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION settlement.note_items();
CREATE TRIGGER note_changes AFTER INSERT ON settlement.item_change
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION settlement.note_changes();
