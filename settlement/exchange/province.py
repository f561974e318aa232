"""The province: passes presentments and answers on, keeps the cities' accounts, closes cycles.

It nets as the cities' agent and bears nothing: every entry moves money from one city to another. An
answer belongs to the cycle of the open date that it was booked on.
"""

from datetime import date

import msgspec

from clearing.node import Node
from clearing.plan import Purpose
from clearing.store import Connection, Entry, Posting, add_entries
from schemas import exchange as words
from schemas.accounts import AccountKind
from schemas.cities import PROVINCE
from schemas.exchange import (
    Answer,
    ClearedPresentment,
    ClearingTotal,
    Code,
    DayComplete,
    Envelope,
    MessageError,
    MessageKind,
    Presentment,
)
from settlement.exchange import post, store
from settlement.exchange.books import account_no
from settlement.exchange.codec import Keys
from settlement.exchange.cycle import net_fen
from settlement.exchange.errors import ExchangeError


async def apply_presentment(
    connection: Connection, node: Node, keys: Keys, envelope: Envelope
) -> None:
    """Note a presentment and pass it on to its issuer. Raises ``MessageError``: refused, duplicate."""
    presentment = words.decode(envelope.body, Presentment)
    if presentment.acquirer != envelope.sender:
        raise MessageError(Code.REFUSED, f"{envelope.sender} presents for {presentment.acquirer}")
    if presentment.issuer not in keys or presentment.issuer in (PROVINCE, presentment.acquirer):
        raise MessageError(Code.REFUSED, f"{presentment.issuer} takes no part in the exchange")
    if await store.lock_presentment(connection, presentment.presentment_id) is not None:
        raise MessageError(Code.DUPLICATE, f"{presentment.presentment_id} was presented before")
    row = store.PresentmentRow(
        presentment_id=presentment.presentment_id,
        direction="through",
        acquirer=presentment.acquirer,
        issuer=presentment.issuer,
        business_date=presentment.business_date,
        tap_count=presentment.tap_count,
        debit_fen=presentment.debit_fen,
        load_fen=presentment.load_fen,
    )
    await store.add_presentment(connection, row)
    kind, name = MessageKind.PRESENTMENT_FORWARDED, row.presentment_id
    await post.send(connection, node, row.issuer, kind, name, words.encode(envelope))


async def apply_answer(
    connection: Connection, node: Node, envelope: Envelope, open_date: date
) -> None:
    """Book what an issuer confirms and pass the answer on. Raises ``MessageError``.

    Dr issuer's city / Cr acquirer's city for fares, the reverse for top-ups, in the cycle of the
    open date.
    """
    answer = words.decode(envelope.body, Answer)
    row = await store.lock_presentment(connection, answer.presentment_id)
    if row is None or row.issuer != envelope.sender:
        raise MessageError(
            Code.REFUSED, f"{answer.presentment_id} is no presentment to {envelope.sender}"
        )
    if row.state != "presented":
        raise MessageError(Code.DUPLICATE, f"{answer.presentment_id} was answered before")
    row = _answered(row, answer, open_date)
    words.check_refusals(await _forwarded(connection, row), answer)
    await _book(connection, row, open_date)
    await store.change_presentment(connection, row)
    await store.add_refusals(
        connection, row.presentment_id, answer.refused, [(None, None)] * len(answer.refused)
    )
    kind, name = MessageKind.ANSWER_FORWARDED, row.presentment_id
    await post.send(connection, node, row.acquirer, kind, name, words.encode(envelope))


async def _forwarded(connection: Connection, row: store.PresentmentRow) -> Presentment:
    """The presentment as it was passed on to the issuer."""
    kind = MessageKind.PRESENTMENT_FORWARDED
    sent = await store.find_outgoing(connection, row.issuer, kind, row.presentment_id)
    assert sent is not None
    acquirers = words.decode(words.decode(sent, Envelope).body, Envelope)
    return words.decode(acquirers.body, Presentment)


def _answered(row: store.PresentmentRow, answer: Answer, cycle: date) -> store.PresentmentRow:
    """The presentment with its answer, in its cycle. Raises ``MessageError`` if totals differ."""
    row = msgspec.structs.replace(
        row,
        state="answered",
        cycle=cycle,
        refused_count=len(answer.refused),
        refused_debit_fen=answer.refused_debit_fen,
        refused_load_fen=answer.refused_load_fen,
    )
    confirmed = (answer.confirmed_debit_fen, answer.confirmed_load_fen)
    if confirmed != (row.confirmed_debit_fen, row.confirmed_load_fen) or (
        (answer.tap_count, answer.acquirer) != (row.tap_count, row.acquirer)
    ):
        raise MessageError(Code.MISMATCH, f"{answer.presentment_id} has other totals")
    return row


async def _book(connection: Connection, row: store.PresentmentRow, cycle: date) -> None:
    acquirer = await account_no(connection, AccountKind.CITY, row.acquirer)
    issuer = await account_no(connection, AccountKind.CITY, row.issuer)
    postings = [
        Posting(account, purpose, fen, cycle=cycle)
        for debit, credit, purpose, amount in (
            (issuer, acquirer, Purpose.FARE, row.confirmed_debit_fen),
            (acquirer, issuer, Purpose.TOP_UP, row.confirmed_load_fen),
        )
        for account, fen in ((debit, amount), (credit, -amount))
        if fen
    ]
    entry = Entry(
        entry_id=f"exchange/{row.presentment_id}",
        narrative=f"taps of {row.issuer}'s cards in {row.acquirer}",
        postings=tuple(postings),
    )
    await add_entries(connection, cycle, [entry])


async def check_day_complete(connection: Connection, envelope: Envelope) -> None:
    """Whether a whole date of a city is here. Raises ``MessageError`` if something did not come.

    Nothing else is written: the message in the inbox is the record, and an event would make the order
    in which the cities were heard a part of the proof.
    """
    complete = words.decode(envelope.body, DayComplete)
    received = await store.read_presentments(
        connection, "acquirer = $1 AND business_date = $2", envelope.sender, complete.business_date
    )
    if len(received) != complete.presentments:
        raise MessageError(
            Code.MISMATCH, f"{complete.presentments} presentments, {len(received)} of them here"
        )


# -- the night ---------------------------------------------------------------------------------------


async def close_cycle(connection: Connection, node: Node, business_date: date) -> dict[str, int]:
    """Close the cycle of a date that was cut off; returns each city's total, positive: is to be paid.

    In the caller's transaction: totals, presentments cleared, a message to every city, also to one
    that owes nothing and is owed nothing. A second call changes nothing. Raises ``ExchangeError``: the
    date is open; the books and the presentments disagree.
    """
    totals = await store.read_totals(connection, business_date)
    if totals:
        return totals
    state = await connection.fetchval(
        "SELECT state FROM clearing.business_day WHERE business_date = $1", business_date
    )
    if state is None or state == "open":
        raise ExchangeError(
            f"The cycle {business_date} cannot be closed before that date is cut off.",
            f"Run onecard settle --date {business_date}.",
        )
    rows = await store.read_presentments(
        connection, "cycle = $1 AND state = 'answered'", business_date
    )
    cities = [city for city in await store.read_cities(connection) if city != PROVINCE]
    totals = {city: _total(city, rows) for city in sorted(cities)}
    await _check_books(connection, business_date, totals)
    await store.add_totals(connection, business_date, totals)
    for row in rows:
        await store.change_presentment(connection, msgspec.structs.replace(row, state="cleared"))
    for city, fen in totals.items():
        await _tell(connection, node, business_date, city, fen, rows)
    return totals


def _total(city: str, rows: list[store.PresentmentRow]) -> int:
    claims = sum(net_fen(row) for row in rows if row.acquirer == city)
    return claims - sum(net_fen(row) for row in rows if row.issuer == city)


async def _check_books(connection: Connection, cycle: date, totals: dict[str, int]) -> None:
    """The totals sum to nothing, and are what the cities' accounts hold for the cycle."""
    rows = await connection.fetch(
        "SELECT a.participant, -sum(p.amount_fen)::bigint AS fen FROM clearing.posting p"
        " JOIN clearing.account a USING (account_no) WHERE a.kind = $1 AND p.cycle = $2 GROUP BY 1",
        AccountKind.CITY.value, cycle,
    )  # fmt: skip
    booked = {row["participant"]: row["fen"] for row in rows if row["fen"]}
    if sum(totals.values()) or booked != {city: fen for city, fen in totals.items() if fen}:
        raise ExchangeError(
            f"The totals of cycle {cycle} are {totals}, the cities' accounts hold {booked}.",
            f"Run onecard verify --date {cycle} to see which entry differs.",
        )


async def _tell(
    connection: Connection,
    node: Node,
    cycle: date,
    city: str,
    fen: int,
    rows: list[store.PresentmentRow],
) -> None:
    total = ClearingTotal(
        cycle=cycle,
        city=city,
        amount_fen=fen,
        presentments=tuple(
            ClearedPresentment(
                presentment_id=row.presentment_id,
                confirmed_debit_fen=row.confirmed_debit_fen,
                confirmed_load_fen=row.confirmed_load_fen,
            )
            for row in rows
            if city in (row.acquirer, row.issuer)
        ),
    )
    kind = MessageKind.CLEARING_TOTAL
    await post.send(connection, node, city, kind, str(cycle), words.encode(total))
