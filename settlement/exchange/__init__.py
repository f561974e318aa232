"""EXCHANGE: what one city's cards did in another city, presented, answered, cleared, exactly once.

In:  judged off-us taps of a closed business date; signed messages from the other side.
Out: signed, numbered messages; entries on the open date; cycles and their totals.

A message is written in the transaction of what it tells, and applied in the transaction of what it
changes, so whatever is lost, doubled, late or killed, the books move once. Seen from the books::

    acquirer                       province                       issuer
    outbound.present   ──presentment──▸ province ──forwarded──▸   issuer  (through the engine)
    acquirer           ◂──forwarded──── province ◂──answer────
    cycle              ◂─clearing total─ province.close_cycle ──▸ cycle

- ``codec``     envelopes: signed, opened, checked
- ``post``      numbers, acknowledgements, pulls: the mail, whatever it says
- ``courier``   one round over a link: deliver, fetch, apply; the link itself is a door's
- ``inbound``   a received message to whoever applies it, or an objection back
- ``outbound``, ``issuer``, ``acquirer``, ``province``, ``cycle``   what is booked where
- ``shares``    whose account a foreign card's tap was credited to
- ``released``  foreign cards' taps that were held and that people released
- ``summary``   what the nodes' books say of each other, to be compared
- ``store``     the exchange's SQL

The package must not know HTTP, processes, clocks, or how a day is settled.
"""
