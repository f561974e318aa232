"""One fare for a ride, by line."""

from typing import Final

from clearing.plan import TariffType
from clearing.rules.document import Table
from clearing.rules.tariffs.registry import BOUND_KEYS, Body, Context, bounds
from clearing.rules.words import Said, yuan_words

TYPE: Final = "flat"
KEYS: Final = BOUND_KEYS | {
    "fare_fen": "the fare; with by_line: of every line that is not named; absent: of no other line",
    "by_line": "lines with a fare of their own: a list of { lines, fare_fen }",
}
ENTRY_KEYS: Final = {"lines": "numbers or names of lines", "fare_fen": "their fare"}


def build(version: Table, context: Context) -> Body:
    """Compile a flat tariff: fares by line number, 0 for any other line."""
    fares: dict[int, int] = {}
    if version.has("fare_fen"):
        fares[0] = version.integer("fare_fen")
    for entry in version.tables("by_line") if version.has("by_line") else []:
        entry.only(ENTRY_KEYS)
        fare = entry.integer("fare_fen")
        lines = context.needed(version, "lines").lines
        for name in entry.values("lines"):
            line = lines.expect_name(entry, "lines", name, "line")
            if line.number in fares:
                raise entry.error("lines", f"Line {line.id} has two fares.", "Name each line once.")
            fares[line.number] = fare
    if not fares:
        raise version.error(None, "The tariff has no fare.", "Add fare_fen, by_line or both.")
    least, most = bounds(version, min(fares.values()), max(fares.values()))
    return Body(TariffType.FLAT, least, most, flat_fen=tuple(sorted(fares.items())))


def tell(version: Table) -> list[Said]:
    """The fares in words."""
    told: list[Said] = []
    for entry in version.data.get("by_line", []):
        names = ", ".join(map(str, entry["lines"]))
        english, chinese = yuan_words(entry["fare_fen"])
        told.append((f"lines {names}: {english}", f"线路{names}：{chinese}"))
    if version.has("fare_fen"):
        english, chinese = yuan_words(version.data["fare_fen"])
        other = ("every other line", "其他线路") if told else ("every line", "各线路")
        told.append((f"{other[0]}: {english}", f"{other[1]}：{chinese}"))
    return told
