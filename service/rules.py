"""Rule sets as people handle them: read from directories or a node, compared, put in force at a node."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path

import asyncpg
import msgspec

from clearing import rules, store
from clearing.compile import accounts_for, sets_of_contracts
from clearing.errors import ClearingError, RuleError
from clearing.plan import local_seconds, moment_of
from clearing.rules import RuleSet
from clearing.rules.apportioning import Apportionment
from clearing.rules.comparing import Change, compare
from clearing.rules.frozen import Difference, differences, read_frozen
from clearing.store import Connection
from service.home import open_node
from service.registration import refuse_what_no_plan_holds

RULES_PUT = "rules_put"
"""The event of a new rules version."""


class Put(msgspec.Struct, frozen=True):
    """What putting rule sets in force came to. ``version`` is the present one where nothing changed.

    ``late``: the changes that begin before the open date, so for taps that were tapped already. ``unused``:
    the sets named that no contract goes by; ``used``: those that contracts go by.
    """

    version: int
    changes: tuple[Change, ...]
    late: tuple[Change, ...]
    open_date: date
    unused: tuple[str, ...] = ()
    used: tuple[str, ...] = ()


async def rules_of_node(home: Path) -> dict[str, str]:
    """The rules in force at a node, as ``rules.read`` gives files."""
    async with open_node(home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        try:
            return await _in_force(connection)
        finally:
            await connection.close()


async def _in_force(connection: Connection) -> dict[str, str]:
    version, _ = await store.read_versions(connection)
    return await store.read_rules(connection, version)


def check_sets(sources: Sequence[str | Path]) -> list[tuple[str, RuleSet | ClearingError]]:
    """Each set, loaded with what it needs, or why it does not hold."""
    found: list[tuple[str, RuleSet | ClearingError]] = []
    for source in sources:
        try:
            found.append((_name_of(source), rules.load(rules.read([source]))))
        except ClearingError as error:
            found.append((_name_of(source), error))
    return found


def _name_of(source: str | Path) -> str:
    return Path(source).resolve().name


def compare_sets(old: str | Path, new: str | Path) -> list[Change]:
    """What changes from one directory of rules to another; the old one is read under the new one's name."""
    before, after = rules.read([old]), rules.read([new])
    name, other = _name_of(new), _name_of(old)
    renamed = {
        f"{name}/{file.partition('/')[2]}" if file.startswith(f"{other}/") else file: text
        for file, text in before.items()
    }
    return compare(rules.load(renamed), rules.load(after))


class Apportioned(msgspec.Struct, frozen=True):
    """The table of one version of a split, checked or made. ``refused``: why it cannot be loaded."""

    split: str
    since: str
    file: str
    pairs: int
    refused: str = ""
    differences: tuple[Difference, ...] = ()
    written: bool = False

    @property
    def holds(self) -> bool:
        """Whether it can be loaded and is what the network makes."""
        return not self.refused and not self.differences


def check_apportionments(files: Mapping[str, str], split: str | None) -> list[Apportioned]:
    """Every frozen table of rule sets, or of one split, compared with what its network makes of it now."""
    found: list[Apportioned] = []
    rows = _Rows()
    for declared in _declared(files, split):
        refused = ""
        try:
            read_frozen(declared, files)
        except RuleError as error:
            refused = str(error)
        different = differences(declared, files.get(declared.file, ""), rows.of(declared))
        table = _apportioned(declared)
        found.append(msgspec.structs.replace(table, refused=refused, differences=tuple(different)))
    return found


def write_apportionments(sources: Sequence[str | Path], split: str | None) -> list[Apportioned]:
    """Make the tables of these rule sets, or of one split, anew and write those that changed: all or none."""
    files, directories = rules.read(sources), rules.directories_of(sources)
    named = {_name_of(source) for source in sources}
    made: dict[str, str] = {}
    found: list[Apportioned] = []
    rows = _Rows()
    for declared in _declared(files, split):
        file = declared.file
        if file.partition("/")[0] not in named:
            continue
        text = declared.text(rows.of(declared))
        if made.setdefault(file, text) != text:
            raise declared.table.error(
                "table",
                f"Two versions of splits make different tables in {declared.table.text('table')!r}.",
                "Give each its own file.",
            )
        table = _apportioned(declared)
        found.append(msgspec.structs.replace(table, written=files.get(file) != text))
    for file, text in made.items():
        name, _, short = file.partition("/")
        if files.get(file) != text:
            (directories[name] / short).write_text(text, "utf-8", newline="\n")
    return found


class _Rows:
    """The rows of tables, each computed once: an owner may change without another table."""

    def __init__(self) -> None:
        self._by_digest: dict[str, list[str]] = {}

    def of(self, declared: Apportionment) -> list[str]:
        digest = declared.digest()
        if digest not in self._by_digest:
            self._by_digest[digest] = list(declared.rows())
        return self._by_digest[digest]


def _declared(files: Mapping[str, str], split: str | None) -> list[Apportionment]:
    every = rules.apportionments(files)
    if split is not None and split not in every:
        raise ClearingError(
            f"No split named {split!r} is apportioned.",
            f"Known are: {', '.join(sorted(every)) or 'none'}.",
        )
    return [
        declared
        for name, versions in sorted(every.items())
        if split in (None, name)
        for declared in versions
    ]


def _apportioned(declared: Apportionment) -> Apportioned:
    size = len(declared.network.order)
    since = moment_of(declared.span.since_s).isoformat()
    return Apportioned(declared.split, since, declared.file, size * (size - 1) // 2)


async def put_rules(home: Path, sources: Sequence[str | Path], *, dry_run: bool = False) -> Put:
    """Replace rule sets of a node by those of directories; other sets of the node stay as they are.

    Sets that one of them needs come along only if the node has none of that name. An engine at work takes
    the new version with its next batch; what was judged before stays as it was judged. Raises
    ``ClearingError`` for rules that do not hold, or that an operator's contract no longer finds its own in.
    """
    files = rules.read(sources)
    named = {_name_of(source) for source in sources}
    async with open_node(home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        try:
            transaction = connection.transaction()
            await transaction.start()
            try:
                put = await _put(connection, files, named)
            except BaseException:
                await transaction.rollback()
                raise
            await (transaction.rollback() if dry_run else transaction.commit())
            return put
        finally:
            await connection.close()


async def _put(connection: Connection, files: dict[str, str], named: set[str]) -> Put:
    # The date before the registry, as the engine's commits have it.
    open_date = await store.read_open_date(connection, lock="FOR SHARE")
    await connection.execute("SELECT pg_advisory_xact_lock($1)", store.REGISTRY_LOCK)
    present = await _in_force(connection)
    known = {file.partition("/")[0] for file in present}
    merged = {file: text for file, text in present.items() if file.partition("/")[0] not in named}
    merged |= {
        file: text
        for file, text in files.items()
        if file.partition("/")[0] in named or file.partition("/")[0] not in known
    }
    old, new = rules.load(present), rules.load(merged)
    version, registry_version = await store.read_versions(connection)
    registry = await store.read_registry(connection, registry_version)
    accounts = await store.ensure_accounts(connection, accounts_for(registry, new))
    refuse_what_no_plan_holds(registry, new, accounts)
    changes = tuple(compare(old, new))
    if old.digest != new.digest:
        version = await store.add_rules(connection, new.digest, merged)
        await store.add_event(
            connection,
            open_date,
            RULES_PUT,
            str(version),
            {"version": version, "digest": new.digest, "sets": sorted(named)},
        )
    opens_s = local_seconds(datetime.combine(open_date, time()))
    late = tuple(
        change for change in changes if change.since_s is not None and change.since_s < opens_s
    )
    used = sets_of_contracts(registry)
    unused = named - rules.sets_needed(merged, used)
    return Put(
        version, changes, late, open_date, unused=tuple(sorted(unused)), used=tuple(sorted(used))
    )
