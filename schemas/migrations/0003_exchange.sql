-- The exchange: what became of a message that was not simply taken, and the counters of signed pulls.

-- schemas.exchange.Code: 0 accepted. At the sender: the receiver's word on it, by acknowledgement or by
-- an objection that came later. At the receiver: what applying it came to.
ALTER TABLE exchange.outbox ADD COLUMN code smallint NOT NULL DEFAULT 0;
ALTER TABLE exchange.inbox ADD COLUMN code smallint NOT NULL DEFAULT 0;
CREATE INDEX outbox_waiting ON exchange.outbox (receiver, number) WHERE NOT acknowledged;
CREATE INDEX inbox_waiting ON exchange.inbox (sender, number) WHERE NOT applied;
CREATE INDEX presentment_open ON exchange.presentment (state) WHERE state <> 'cleared';
CREATE INDEX presentment_by_cycle ON exchange.presentment (cycle);

-- The last counter of a pull request: at a city the one it used, at the province the one it saw.
CREATE TABLE exchange.pull (
    peer            text     PRIMARY KEY,
    counter         bigint   NOT NULL
);
