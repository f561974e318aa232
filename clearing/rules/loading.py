"""From the files of rule sets to a checked, compiled ``RuleSet``."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, TypeVar

from clearing.errors import RuleError
from clearing.plan import FOREVER, Tariff, Transfer, moment_of
from clearing.rules import discounts, networks, shares, versions
from clearing.rules.discounts import Scheme, TransferScheme
from clearing.rules.document import Document, Table, parse_csv, parse_toml
from clearing.rules.networks import Network
from clearing.rules.places import Directory
from clearing.rules.quoting import DatedTariff
from clearing.rules.ruleset import RuleSet
from clearing.rules.tariffs import Body, Context, modules
from clearing.rules.versions import Span
from schemas.codes import DEBIT_KINDS

SET_KEYS: Final = {
    "chinese": "the name of the set in Chinese",
    "english": "the name of the set in English",
    "stand_in": "what of the whole set is made up",
    "on_request": "true: a node loads the set only if it is named",
}
"""The keys of ``[set]``."""

SECTIONS: Final = {
    "set": "names of the set",
    "network": "stations, lines, links",
    "tariff": "what a ride costs",
    "discount": "what each kind of card pays",
    "transfer": "what a transfer takes off",
    "split": "who shares a fare",
    "fee": "what the operator pays for clearing",
}
"""The tables that a rule file can have."""

TAP_KINDS: Final = {kind.name.lower(): kind for kind in sorted(DEBIT_KINDS)}

TARIFF_KEYS: Final = versions.KEYS | {
    "type": "kind of tariff",
    "taps": "kinds of taps that it prices: " + ", ".join(TAP_KINDS),
    "network": "the network of its stations or lines",
    "discounts": "the discount scheme",
    "transfer": "the transfer scheme",
}
"""The keys that every tariff has; each type adds its own."""

_Named = TypeVar("_Named")


class _Set:
    """One rule set while it is read."""

    def __init__(self, name: str, files: Mapping[str, str]) -> None:
        self.name, self.files = name, files
        self.sections: dict[str, dict[str, list[Table]]] = {}
        for file in sorted(files):
            if file.endswith(".toml"):
                self._collect(parse_toml(file, files[file]))

    def _collect(self, document: Document) -> None:
        root = Table(document, (), document.data, f"set {self.name}")
        root.only(SECTIONS)
        for section, content in document.data.items():
            if not isinstance(content, dict):
                raise root.error(
                    section, f"{section} is not a table.", f"Write [{section}.NAME] for it."
                )
            if section == "set":
                self._check_set(Table(document, ("set",), content, root.rule))
                continue
            for name, rules in content.items():
                rule = f"{section} {self.name}/{name}"
                tables = _versions(document, (section, name), rules, rule)
                if self.sections.setdefault(section, {}).setdefault(name, tables) is not tables:
                    raise tables[0].error(
                        None,
                        f"{section} {name!r} is in two files of the set.",
                        "Keep all versions of a rule in one file.",
                    )

    @staticmethod
    def _check_set(table: Table) -> None:
        table.only(SET_KEYS)
        table.flag("on_request")
        for key in table.data.keys() - {"on_request"}:
            table.text(key)

    def rules(self, section: str) -> dict[str, list[Table]]:
        """The versions of every rule of a section, by name."""
        return self.sections.get(section, {})

    def rows(self, table: Table, key: str, columns: tuple[str, ...]) -> list[Table]:
        """The rows that a key gives inline, or names as a CSV file of the set."""
        value = table.value(key)
        if isinstance(value, list):
            return table.tables(key)
        file = f"{self.name}/{table.text(key)}"
        if file not in self.files:
            raise table.error(
                key, f"The set has no file {table.text(key)!r}.", "Add the file beside the rules."
            )
        return parse_csv(file, self.files[file], columns, table.rule)


def _versions(document: Document, path: tuple[str, str], rules: Any, rule: str) -> list[Table]:
    """The versions of one rule: an array of tables, or one table for a network."""
    if path[0] == "network":
        if not isinstance(rules, dict):
            raise Table(document, path, {}, rule).error(
                None, "A network is one table.", f"Write [network.{path[1]}] once."
            )
        return [Table(document, path, rules, rule)]
    if not isinstance(rules, list):
        raise Table(document, path, {}, rule).error(
            None,
            f"A {path[0]} is a list of dated versions.",
            f"Write [[{path[0]}.{path[1]}]] with two brackets, once for each version.",
        )
    # The whole is a table whose one key is the rule, so the same checks serve as for any list.
    return Table(document, path[:1], {path[1]: rules}, rule).tables(path[1])


class _Compiler:
    """Compiles the tariffs of one set."""

    def __init__(self, source: _Set) -> None:
        self.source = source
        self.networks: dict[str, Network] = {
            name: networks.read_network(tables[0], source.rows)
            for name, tables in source.rules("network").items()
        }
        self.schemes = {
            name: discounts.read_schemes(tables)
            for name, tables in source.rules("discount").items()
        }
        self.transfers = {
            name: discounts.read_transfers(tables)
            for name, tables in source.rules("transfer").items()
        }

    def tariff(self, name: str, tables: list[Table]) -> tuple[DatedTariff, ...]:
        """The dated versions of a tariff, cut where its discounts or transfers change."""
        dated: list[DatedTariff] = []
        for table, span in zip(tables, versions.spans(tables), strict=True):
            module = table.word("type", modules())
            table.only({**TARIFF_KEYS, **module.KEYS})
            network = _named(table, "network", self.networks)
            kinds = _kinds(table)
            schemes = _named(table, "discounts", self.schemes) or ()
            transfers = _named(table, "transfer", self.transfers) or ()
            body = module.build(table, Context(network, self.source.rows))
            dated.extend(
                DatedTariff(
                    _compile(table, name, kinds, body, piece, schemes, transfers),
                    network.stations if network else Directory(()),
                    network.lines if network else Directory(()),
                )
                for piece in _pieces(span, [*schemes, *transfers])
            )
        return tuple(dated)


def _named(table: Table, key: str, rules: Mapping[str, _Named]) -> _Named | None:
    """The rule of the same set that a key names; None where the key is absent."""
    return table.word(key, rules) if table.has(key) else None


def _kinds(table: Table) -> int:
    bits = 0
    for name in table.texts("taps"):
        bits |= 1 << table.choose("taps", name, TAP_KINDS)
    return bits


def _pieces(span: Span, schemes: list[Scheme | TransferScheme]) -> list[Span]:
    """The interval cut at every moment inside it when a scheme begins or ends."""
    ends = {end for scheme in schemes for end in (scheme.span.since_s, scheme.span.until_s)}
    cuts = [span.since_s, *sorted(end for end in ends if span.holds(end)), span.until_s]
    return [Span(since, until) for since, until in pairwise(cuts) if since < until]


def _compile(
    table: Table,
    name: str,
    kinds: int,
    body: Body,
    piece: Span,
    schemes: tuple[Scheme, ...],
    transfers: tuple[TransferScheme, ...],
) -> Tariff:
    scheme = next((scheme for scheme in schemes if scheme.span.holds(piece.since_s)), None)
    if schemes and scheme is None:
        until = "" if piece.until_s == FOREVER else f" until {moment_of(piece.until_s)}"
        raise table.error(
            "discounts",
            f"The discounts do not hold from {moment_of(piece.since_s)}{until}, the tariff does.",
            "Let the discount scheme cover the whole time of the tariff.",
        )
    transfer = next((t.transfer for t in transfers if t.span.holds(piece.since_s)), Transfer())
    return Tariff(
        name=name,
        type=body.type,
        since_s=piece.since_s,
        until_s=piece.until_s,
        kinds=kinds,
        min_fen=body.min_fen,
        max_fen=body.max_fen,
        step_fen=body.step_fen,
        flat_fen=body.flat_fen,
        stations=body.stations,
        od_fen=body.od_fen,
        meter=body.meter,
        classes=scheme.classes if scheme else (),
        by_amount=scheme.by_amount if scheme else False,
        transfer=transfer,
    )


def load(files: Mapping[str, str]) -> RuleSet:
    """Check and compile rule sets: ``files`` maps ``SET/FILE`` to text, as ``read`` returns it.

    Raises ``RuleError`` at the first thing that does not hold, with file, line, rule and remedy.
    """
    sets: dict[str, dict[str, str]] = {}
    for file, text in files.items():
        name, slash, rest = file.partition("/")
        if not slash or not rest:
            raise RuleError(
                file, 1, "set", "The file belongs to no set.", "Name files as SET/FILE.toml."
            )
        sets.setdefault(name, {})[file] = text
    rules = RuleSet(files)
    for name, set_files in sets.items():
        source = _Set(name, set_files)
        compiler = _Compiler(source)
        for rule, tables in source.rules("tariff").items():
            full = f"{name}/{rule}"
            rules.tariffs[full] = compiler.tariff(full, tables)
        for rule, tables in source.rules("split").items():
            rules.splits[f"{name}/{rule}"] = shares.read_splits(tables)
        for rule, tables in source.rules("fee").items():
            rules.fees[f"{name}/{rule}"] = shares.read_fees(f"{name}/{rule}", tables)
    return rules
