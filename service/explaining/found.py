"""Everything that is known of one tap, as data."""

from datetime import date, datetime

import msgspec

from clearing.inspection import BookedLine, Moved, StoredTap
from clearing.store import BatchRow
from schemas.record import Tap
from schemas.registry import Denied, Issuer, Operator, Terminal
from service.explaining.correction import Correction
from service.text import Said
from settlement.chains.walk import Finding
from settlement.store.decisions import Decided
from settlement.store.items import Change, Standing
from settlement.store.traces import BookedEntry, TracedTap


class SourceLines(msgspec.Struct, frozen=True):
    """A dated rule in its file: which lines, and the text of the first of them."""

    what: str
    name: str
    file: str
    first: int
    last: int
    text: tuple[str, ...]


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What a tap was judged by, under the versions stamped on its batch.

    ``terminal_versions`` are [from, to) of the row's registry versions. ``card_kind`` is the one that
    counts; ``issued`` whether a card registry says so. ``acknowledged``: when the operator acknowledged
    the denylist of ``denied`` or a later one, ``binding_from`` when it bound it.
    """

    operator: Operator | None
    terminal: Terminal | None
    terminal_versions: tuple[int, int | None] | None = None
    terminal_owner: str = ""
    issuer: Issuer | None
    card_kind: int
    issued: bool
    denied: Denied | None = None
    acknowledged: str = ""
    binding_from: str = ""
    rules: list[SourceLines] = []
    fees_missing: bool = False
    names: dict[str, str] = {}
    """Names of line, station and vehicle where the registry has them."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a card's chain. ``own``: the tap that is explained. Money in fen."""

    own: bool
    opening: bool
    offline: int
    online: int
    before_fen: int
    after_fen: int
    amount_fen: int
    kind: int
    tapped_at: datetime
    batch_seq: int = 0
    row_no: int = 0
    arrived_on: date | None = None


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """The card's neighbourhood: at most two positions before and two after, in the card's own order.

    ``between`` are gaps, rises and breaks between neighbours shown. ``in_chain``: the tap itself is an
    element (its debit or load is proven). ``counters``: whether the record gives any.
    """

    positions: list[Position]
    between: list[Finding]
    in_chain: bool
    counters: bool
    taps_known: int


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Where a foreign card's money stands between the cities (domain §8), or ours elsewhere."""

    state: str
    """``own``, ``not_presented``, ``presented``, ``answered``, ``confirmed`` or ``refused``."""
    other_city: str = ""
    presentment_id: str = ""
    position: int = 0
    presented_on: date | None = None
    answered_on: date | None = None
    refused_for: int = 0
    cycle: date | None = None
    incoming: bool = False


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An item that the tap, its card or its terminal has, with its changes, proposals and decisions.

    ``name``: its id for people, in which a card is masked.
    """

    name: str
    standing: Standing
    account: str
    history: list[Change]
    proposals: list[Decided]
    of_tap: bool


class First(msgspec.Struct, frozen=True):
    """The tap that came first, where this one is a duplicate of it. ``origin``: the presentment that brought
    it, empty where an operator of ours did."""

    place: str
    verdict: int
    reason: int
    arrived_on: date
    origin: str
    fields: Tap


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A tap with all that is known of it at the end of ``as_of``."""

    tap: StoredTap
    fields: Tap
    batch: BatchRow
    as_of: date
    known: bool
    """Whether the tap had come by the end of ``as_of``."""
    own_card: bool
    unmasked: bool
    ground: Ground
    moved: list[Moved]
    accounts: dict[int, str]
    later: list[BookedEntry]
    claim: Claim | None
    waiting: list[Waiting]
    corrections: list[Correction]
    chain: Chain
    terminal: list[TracedTap]
    first: First | None
    postings: list[BookedLine]
    leaf: bytes
    path: list[tuple[bool, bytes]]
    proven: bool
    """Whether leaf and path give the batch root that stands in the receipt."""
    day_path: list[tuple[bool, bytes]]
    taps_root: bytes | None
    seal: bytes | None


class Section(msgspec.Struct, frozen=True):
    """One part of what is told: its name for machines, its title, its sentences in order."""

    name: str
    title: Said
    lines: list[Said]
