"""What the night makes: positions, instructions, papers, card pages; and the province's flows."""

from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

from clearing.store import Connection


class Position(msgspec.Struct, frozen=True, order=True):
    """A participant's position of a date in one purse; positive: is to be paid."""

    purse: int
    participant: str
    amount_fen: int


class Instruction(msgspec.Struct, frozen=True):
    """A payment that the bank is asked for."""

    instruction_id: str
    purse: int
    debtor: str
    creditor: str
    amount_fen: int


async def write_positions(
    connection: Connection, business_date: date, positions: Iterable[Position]
) -> None:
    """Write the positions of a date."""
    await connection.copy_records_to_table(
        "position",
        schema_name="settlement",
        columns=("business_date", "purse", "participant", "amount_fen"),
        records=[(business_date, *msgspec.structs.astuple(row)) for row in positions],
    )


async def read_positions(connection: Connection, business_date: date) -> list[Position]:
    """The positions of a date, by purse and participant."""
    rows = await connection.fetch(
        "SELECT purse, participant, amount_fen FROM settlement.position WHERE business_date = $1",
        business_date,
    )
    return sorted(Position(*row) for row in rows)


async def write_instructions(
    connection: Connection, business_date: date, instructions: Iterable[Instruction]
) -> None:
    """Write the instructions of a date."""
    await connection.copy_records_to_table(
        "instruction",
        schema_name="settlement",
        columns=("business_date", *Instruction.__struct_fields__),
        records=[(business_date, *msgspec.structs.astuple(row)) for row in instructions],
    )


async def read_instructions(connection: Connection, business_date: date) -> list[Instruction]:
    """The instructions of a date, by id."""
    rows = await connection.fetch(
        f"SELECT {', '.join(Instruction.__struct_fields__)} FROM settlement.instruction"
        " WHERE business_date = $1",
        business_date,
    )
    return sorted((Instruction(*row) for row in rows), key=lambda row: row.instruction_id)


class Paper(msgspec.Struct, frozen=True):
    """A paper: ``name`` is its path below ``papers/DATE``."""

    name: str
    content: bytes
    sha256: bytes


async def write_papers(
    connection: Connection, business_date: date, papers: Sequence[Paper]
) -> None:
    """Keep papers of a date."""
    await connection.copy_records_to_table(
        "paper",
        schema_name="settlement",
        columns=("business_date", "name", "content", "sha256"),
        records=[(business_date, *msgspec.structs.astuple(paper)) for paper in papers],
    )


async def read_papers(connection: Connection, business_date: date) -> list[Paper]:
    """The papers of a date, by name as bytes."""
    rows = await connection.fetch(
        "SELECT name, content, sha256 FROM settlement.paper WHERE business_date = $1",
        business_date,
    )
    return sorted((Paper(*row) for row in rows), key=lambda paper: paper.name.encode())


async def read_paper(connection: Connection, business_date: date, name: str) -> bytes | None:
    """One paper of a date."""
    return await connection.fetchval(  # type: ignore[no-any-return]
        "SELECT content FROM settlement.paper WHERE business_date = $1 AND name = $2",
        business_date, name,
    )  # fmt: skip


async def read_pages_of(connection: Connection, business_date: date) -> dict[int, bytes]:
    """The card pages archived with a date, by number."""
    rows = await connection.fetch(
        "SELECT page_no, lines FROM clearing.card_page WHERE business_date = $1 ORDER BY 1",
        business_date,
    )
    return {row[0]: row[1] for row in rows}


class Flow(msgspec.Struct, frozen=True):
    """What presentments of a cycle moved between two cities, at the province."""

    acquirer: str
    issuer: str
    debit_fen: int
    load_fen: int


async def read_flows(connection: Connection, cycle: date) -> list[Flow]:
    """Cleared presentments of a cycle, less what was refused, by pair of cities."""
    rows = await connection.fetch(
        "SELECT acquirer, issuer, sum(debit_fen - refused_debit_fen)::bigint,"
        " sum(load_fen - refused_load_fen)::bigint FROM exchange.presentment"
        " WHERE cycle = $1 AND direction = 'through' GROUP BY 1, 2 ORDER BY 1, 2",
        cycle,
    )
    return [Flow(*row) for row in rows]


async def read_opening_pages(connection: Connection, before: date) -> list[tuple[int, date, bytes]]:
    """The card pages that a date opened with: (page, the date that archived it, SHA-256)."""
    rows = await connection.fetch(
        "SELECT DISTINCT ON (page_no) page_no, business_date, sha256(lines)"
        " FROM clearing.card_page WHERE business_date < $1 ORDER BY page_no, business_date DESC",
        before,
    )
    return [(row[0], row[1], row[2]) for row in rows]
