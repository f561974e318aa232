"""Stations and lines: a number, as tap records carry it, and names, as people say them."""

from collections.abc import Iterable
from typing import Final

import msgspec

from clearing.rules.document import NUMBER_MAX, Table

KEYS: Final = {
    "number": "the number that tap records carry (1 to 4294967295)",
    "id": "a short name in Latin letters, without blanks",
    "chinese": "the name in Chinese",
    "english": "the name in English or pinyin",
}
"""The keys of a station or a line."""


class Place(msgspec.Struct, frozen=True):
    """A station or a line."""

    number: int
    id: str
    chinese: str = ""
    english: str = ""


def _folded(name: str) -> str:
    """Names are compared without regard to case, blanks, hyphens and apostrophes."""
    return "".join(letter for letter in name.casefold() if letter not in " -'’·_")


class Directory:
    """Places by number and by any of their names."""

    def __init__(self, places: Iterable[Place]) -> None:
        self.places = tuple(sorted(places, key=lambda place: place.number))
        self._by_number = {place.number: place for place in self.places}
        self._by_name: dict[str, Place] = {}
        for name_of in ("english", "chinese", "id"):
            for place in self.places:
                name = _folded(getattr(place, name_of))
                if name:
                    self._by_name[name] = place

    def find(self, name: int | str) -> Place | None:
        """The place of a number, an id, a Chinese or an English name."""
        if isinstance(name, int):
            return self._by_number.get(name)
        found = self._by_name.get(_folded(name))
        if found is None and name.isascii() and name.isdigit():
            return self._by_number.get(int(name))
        return found

    def expect(self, table: Table, key: str, what: str) -> Place:
        """The place that a key of a rule names."""
        return self.expect_name(table, key, table.value(key), what)

    def expect_name(self, table: Table, key: str, name: object, what: str) -> Place:
        """The place of a name that was read from a key of a rule."""
        place = None
        if isinstance(name, int | str) and not isinstance(name, bool):
            place = self.find(name)
        if place is None:
            raise table.error(
                key, f"There is no {what} {name!r}.", f"Name a {what} of the network, or add it."
            )
        return place


def read_places(rows: Iterable[Table], what: str) -> Directory:
    """The directory of rows. Refuses numbers and names that two places share."""
    places: list[Place] = []
    numbers: set[int] = set()
    names: dict[str, int] = {}
    for row in rows:
        row.only(KEYS)
        place = Place(
            row.integer("number", 1, NUMBER_MAX),
            row.text("id"),
            row.text_or("chinese", ""),
            row.text_or("english", ""),
        )
        if place.number in numbers:
            raise row.error(
                "number",
                f"The {what} number {place.number} is given twice.",
                f"Give each {what} a number of its own.",
            )
        numbers.add(place.number)
        for key, name in (("id", place.id), ("chinese", place.chinese)):
            if name and names.setdefault(_folded(name), place.number) != place.number:
                raise row.error(
                    key,
                    f"Two {what}s are called {name!r}.",
                    f"Give each {what} a name of its own.",
                )
        places.append(place)
    return Directory(places)
