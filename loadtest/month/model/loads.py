"""Top-ups of own cards against the issuers' load logs."""

from typing import Final

import msgspec

from loadtest.month.model.items import ItemBook
from schemas.items import ItemKind, ItemOutcome, item_id_of_tap

Key = tuple[bytes, int]
"""A card's 19 bytes and its load counter."""


class LogLine(msgspec.Struct, gc=False, frozen=True):
    """One line of a load log as the model reads it. ``due``: the night on which it ages."""

    card: bytes
    issuer: int
    online: int
    amount_fen: int
    loaded_s: int
    authorisation: str
    due: int

    @property
    def item_id(self) -> str:
        """The id of the item if its record never comes."""
        return f"{ItemKind.LOG_WITHOUT_LOAD.value}/{self.issuer}/{self.authorisation}"


class LoadRecord(msgspec.Struct, gc=False, frozen=True):
    """A top-up that arrived."""

    issuer: int
    amount_fen: int
    tapped_s: int
    batch_seq: int
    row: int
    due: int

    @property
    def item_id(self) -> str:
        """The id of the item if the log does not have it."""
        return item_id_of_tap(ItemKind.LOAD_WITHOUT_LOG, self.batch_seq, self.row)


class Loads:
    """Both sides, and what of each is not matched yet."""

    def __init__(self, items: ItemBook) -> None:
        self._items: Final = items
        self.complete_s: dict[int, int] = {}
        """By issuer number: every load before this moment is in the log."""
        self._amounts: dict[Key, int] = {}
        self._lines: dict[Key, LogLine] = {}
        self._records: dict[Key, list[LoadRecord]] = {}

    def logged(self, card: bytes, online: int) -> int | None:
        """The amount that the log has for a load of a card."""
        return self._amounts.get((card, online))

    def complete_past(self, issuer: int, moment_s: int) -> bool:
        """Whether an issuer's log is complete past a moment."""
        return self.complete_s.get(issuer, 0) > moment_s

    def import_line(self, line: LogLine) -> None:
        """A line of a log is known from here on."""
        self._amounts[line.card, line.online] = line.amount_fen
        self._lines[line.card, line.online] = line

    def add_record(self, card: bytes, online: int, record: LoadRecord) -> None:
        """A top-up with a right TAC arrived."""
        self._records.setdefault((card, online), []).append(record)

    def night(self, night: int) -> None:
        """Match both sides, one line with one record; open items for what is overdue on either."""
        for key in [key for key in self._records if key in self._lines]:
            self._match(key)
        for key, records in self._records.items():
            for record in records:
                overdue = self.complete_past(record.issuer, record.tapped_s)
                if overdue and record.item_id not in self._items.open:
                    kind = ItemKind.LOAD_WITHOUT_LOG
                    self._items.add(kind, record.item_id, record.amount_fen, record.due, key[0])
        for key, line in self._lines.items():
            if line.item_id not in self._items.open and line.due <= night:
                kind = ItemKind.LOG_WITHOUT_LOAD
                self._items.add(kind, line.item_id, line.amount_fen, line.due, key[0])

    def _match(self, key: Key) -> None:
        """A line is that of the first record that came with its amount."""
        line, records = self._lines[key], self._records[key]
        record = next((each for each in records if each.amount_fen == line.amount_fen), None)
        if record is None:
            return
        self._close(line.item_id)
        self._close(record.item_id)
        records.remove(record)
        del self._lines[key]

    def _close(self, item_id: str) -> None:
        item = self._items.open.get(item_id)
        if item is not None:
            self._items.change(item, ItemOutcome.MATCHED, closes=True)
