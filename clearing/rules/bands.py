"""Bands: fares by how far a ride goes, whatever it is measured in."""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from clearing.rules.document import Table
from clearing.rules.words import Said, yuan_words

FareOf = Callable[[int], int]


class Measure(msgspec.Struct, frozen=True):
    """What bands count: the ``unit`` is the end of its keys, ``to_UNIT`` and ``each_UNIT``."""

    unit: str
    english: str
    chinese: str

    def keys(self) -> dict[str, str]:
        """The keys of a band."""
        return {
            f"to_{self.unit}": f"most {self.english} of the band, included; absent in the last band",
            "fare_fen": "the fare",
            f"each_{self.unit}": f"last band: {self.english} of a step beyond the band above",
            "add_fen": "last band: what each begun step adds",
        }


METRES: Final = Measure("m", "metres", "米")
SECTIONS: Final = Measure("sections", "sections", "段")
ZONES: Final = Measure("zones", "zones", "区")


def read_bands(version: Table, measure: Measure) -> FareOf:
    """The fares of ``bands``: a function of how far a ride goes.

    Raises ``RuleError`` where a band is never reached, the last is not open, or fares fall.
    """
    to_key, each_key, keys = f"to_{measure.unit}", f"each_{measure.unit}", measure.keys()
    rows = version.tables("bands")
    bounds: list[int] = []
    fares: list[int] = []
    for row in rows[:-1]:
        row.only(keys)
        upper, fare = row.integer(to_key, 1), row.integer("fare_fen")
        if bounds and upper <= bounds[-1]:
            raise row.error(
                to_key,
                f"The band to {upper} {measure.unit} is never reached: the one above it ends at"
                f" {bounds[-1]} {measure.unit}.",
                f"Write bands in rising order of {to_key}.",
            )
        _rises(row, fare, fares)
        bounds.append(upper)
        fares.append(fare)
    last = rows[-1]
    last.only(keys)
    if last.has(to_key):
        raise last.error(
            to_key,
            "The last band is not open: longer ways would have no fare.",
            f"Leave {to_key} out of the last band; give it fare_fen, or {each_key} and add_fen.",
        )
    if last.has(each_key):
        if not bounds:
            raise last.error(
                each_key,
                "The steps follow no band.",
                f"Put a band with {to_key} and fare_fen above.",
            )
        start, base = bounds[-1], fares[-1]
        each, add = last.integer(each_key, 1), last.integer("add_fen")
        return lambda far: (
            fares[bisect_left(bounds, far)]
            if far <= start
            else base + -(-(far - start) // each) * add
        )
    fare = last.integer("fare_fen")
    _rises(last, fare, fares)
    fares.append(fare)
    return lambda far: fares[bisect_left(bounds, far)]


def _rises(row: Table, fare: int, fares: list[int]) -> None:
    if fares and fare < fares[-1]:
        raise row.error(
            "fare_fen",
            f"A longer way costs {fare} fen, less than the {fares[-1]} fen of the band above.",
            "Correct the fare: it cannot fall with distance.",
        )


def tell_bands(row: Mapping[str, object], measure: Measure) -> list[Said]:
    """Bands in words, one for each. ``row`` is the table that has them, already checked."""
    told: list[Said] = []
    bands = row["bands"]
    assert isinstance(bands, list)
    for band in bands:
        if f"to_{measure.unit}" in band:
            far = f"{band[f'to_{measure.unit}']:,}"
            money = yuan_words(band["fare_fen"])
            told.append(
                (
                    f"to {far} {measure.english}: {money[0]}",
                    f"{far}{measure.chinese}以内 {money[1]}",
                )
            )
        elif f"each_{measure.unit}" in band:
            far, money = f"{band[f'each_{measure.unit}']:,}", yuan_words(band["add_fen"])
            told.append(
                (
                    f"beyond, for each {far} {measure.english} begun: {money[0]} more",
                    f"以远每{far}{measure.chinese}加 {money[1]}",
                )
            )
        else:
            money = yuan_words(band["fare_fen"])
            told.append((f"any farther: {money[0]}", f"以远 {money[1]}"))
    return told
