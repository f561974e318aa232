"""The books of a date as proof reads them: canonical entries, canonical events, their roots."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from clearing.store import BatchRow
from schemas import proof
from schemas.accounts import Account
from settlement.store import BookedEntry
from settlement.tables import line_bytes

BATCHES: Final = "proof/batches.jsonl"


def numbered(accounts: Mapping[str, Account]) -> dict[int, Account]:
    """Accounts by number."""
    return {account.number: account for account in accounts.values()}


def entry_line(entry: BookedEntry, accounts: Mapping[int, Account]) -> bytes:
    """The canonical bytes of an entry: one line of JSON, accounts by their codes."""
    return line_bytes(
        {
            "entry_id": entry.entry_id,
            "business_date": entry.business_date,
            "batch_seq": entry.batch_seq,
            "narrative": entry.narrative,
            "corrects": entry.corrects,
            "postings": [
                {
                    "line": posting.line,
                    "account": _code(accounts, posting.account),
                    "purpose": posting.purpose,
                    "cycle": posting.cycle,
                    "tap_count": posting.tap_count,
                    "amount_fen": posting.amount_fen,
                }
                for posting in entry.postings
            ],
        }
    )


def _code(accounts: Mapping[int, Account], number: int) -> str:
    """The code of an account; its number where there is no such account (a damaged posting)."""
    return accounts[number].code if number in accounts else f"#{number}"


def batch_line(batch: BatchRow) -> bytes:
    """The canonical bytes of a batch's row: one line of JSON, without the receipt, which follows."""
    values = msgspec.structs.asdict(batch)
    del values["receipt"]
    return line_bytes(
        {name: each.hex() if isinstance(each, bytes) else each for name, each in values.items()}
    )


def batches_paper(batches: Iterable[BatchRow]) -> bytes:
    """The rows of a date's batches, in order.

    A replay gives again what follows from the taps; the operator's signature, the clock and the
    checks under which a batch was judged are only written here.
    """
    return lines_bytes(map(batch_line, batches))


def event_line(event: tuple[str, str, str]) -> bytes:
    """The canonical bytes of an event (kind, subject, body as JSON)."""
    kind, subject, body = event
    return line_bytes({"kind": kind, "subject": subject, "body": msgspec.json.decode(body)})


def ledger_root(lines: Iterable[bytes]) -> bytes:
    """The Merkle root over canonical entries, in order of entry_id."""
    return proof.root([hashlib.sha256(b"\x00entry\n" + line).digest() for line in lines])


def events_root(lines: Iterable[bytes]) -> bytes:
    """The Merkle root over canonical events, in order of kind and subject."""
    return proof.root([hashlib.sha256(b"\x00event\n" + line).digest() for line in lines])


def lines_bytes(lines: Iterable[bytes]) -> bytes:
    """Lines as a paper."""
    return b"".join(line + b"\n" for line in lines)


def decoded(line: bytes) -> dict[str, Any]:
    """The values of a canonical line."""
    return msgspec.json.decode(line)  # type: ignore[no-any-return]
