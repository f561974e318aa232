"""Faults against registries (cards, issuers, terminals, denylists), clocks, the record's form."""

from loadtest.faults.case import Case
from loadtest.making import Ride
from loadtest.world import AGENT, TAXI
from schemas.codes import Discount, TapKind, TypeByte
from schemas.reasons import Reason


def card_not_issued(case: Case) -> None:
    """A card with a right TAC that its issuer never issued."""
    ride = case.seal(case.any_ride())
    case.day.deliver(ride.operator, case.unknown_card(ride, Reason.CARD_NOT_ISSUED))


def card_closed(case: Case) -> None:
    """A card that was closed before."""
    case.send(case.any_ride(), Reason.CARD_CLOSED)


def card_expired(case: Case) -> None:
    """A card after its expiry."""
    case.send(case.any_ride(), Reason.CARD_EXPIRED)


def test_card(case: Case) -> None:
    """A test card; wrong in production only."""
    reasons = (Reason.TEST_CARD,) if case.day.production else ()
    case.send(case.bus(), *reasons)


def denylisted(case: Case) -> None:
    """A denied card after its operator had the list and a day to load it."""
    case.send(case.any_ride(), Reason.DENYLISTED)


def denylist_undelivered(case: Case) -> None:
    """A denied card before its operator could know."""
    case.send(case.any_ride(), Reason.DENYLIST_UNDELIVERED)


def card_kind_differs(case: Case) -> None:
    """The device read another kind of card; in every second case it charged by that, too."""
    ride = case.bus()
    ride.draft.card_kind = 3
    if case.turn % 2 and ride.priced_fen:
        case.maker.repay(ride, 0)
        case.send(ride, Reason.CARD_KIND_DIFFERS, Reason.BELOW_TARIFF)
    else:
        case.send(ride, Reason.CARD_KIND_DIFFERS)


def card_kind_unknown(case: Case) -> None:
    """The device read a kind of card that no table has; it charged by the right one."""
    ride = case.bus()
    ride.draft.card_kind = (8, 77, 255)[case.turn % 3]
    case.send(ride, Reason.CARD_KIND_UNKNOWN)


def concession_not_of_card(case: Case) -> None:
    """The device says that it gave a concession, which this kind of card does not have."""
    ride = case.bus()
    ride.draft.discount_claimed |= Discount.CONCESSION
    case.send(ride, Reason.CONCESSION_NOT_OF_CARD)


def terminal_device_differs(case: Case) -> None:
    """A terminal in another device than the registered one."""
    ride = case.bus()
    ride.draft.device += 5000
    case.send(ride, Reason.TERMINAL_DEVICE_DIFFERS)


def terminal_number_reused(case: Case) -> None:
    """A terminal gives the number of one tap to another one."""
    first = case.seal(case.bus())
    again = case.seal(case.bus_beside(first, 900, first.draft.terminal_number))
    case.day.deliver(
        first.operator, case.item(first), case.item(again, Reason.TERMINAL_NUMBER_REUSED)
    )


def _as_foreign(case: Case, ride: Ride) -> None:
    """A card that is not ours pays the whole fare."""
    ride.priced_fen, ride.subsidy_fen = ride.draft.gross_fen, 0
    case.maker.repay(ride, ride.draft.gross_fen)


def issuer_unknown(case: Case) -> None:
    """An issuer of which the registry knows nothing."""
    ride = case.any_ride()
    _as_foreign(case, ride)
    ride.draft.issuer = bytes.fromhex("0000000009990000")
    item = case.unknown_card(case.seal(ride), Reason.ISSUER_UNKNOWN)
    case.day.deliver(ride.operator, item)


def issuer_not_interoperable(case: Case) -> None:
    """An issuer whose cards were taken off the list."""
    case.send(case.any_ride(), Reason.ISSUER_NOT_INTEROPERABLE)


def terminal_unknown(case: Case) -> None:
    """A terminal that nobody registered."""
    ride = case.any_ride()
    ride.draft.terminal_id = ride.draft.terminal_id[:3] + b"\x99\x99\x99"
    case.send(ride, Reason.TERMINAL_UNKNOWN)


def terminal_of_other_operator(case: Case) -> None:
    """A bus operator submits a tap of a taxi's terminal."""
    ride = case.bus()
    terminals = case.day.world.operators[TAXI].terminals
    terminal = case.turn % len(terminals)
    ride.draft.terminal_id = terminals.ids[terminal]
    ride.draft.terminal_number = terminals.next_number(terminal)
    # The record still names the bus's own device.
    case.send(ride, Reason.TERMINAL_OF_OTHER_OPERATOR, Reason.TERMINAL_DEVICE_DIFFERS)


def operator_other(case: Case) -> None:
    """The record names another operator than its batch."""
    ride = case.bus()
    ride.draft.operator = case.day.world.operators[TAXI].number
    case.send(ride, Reason.OPERATOR_OTHER, proven=False)


def terminal_line_differs(case: Case) -> None:
    """A validator of one line on a bus of another; the other line's fare is charged."""
    ride = case.bus()
    lines = case.day.world.fares.bus.lines
    others = [line for line in sorted(lines) if line != ride.draft.line]
    same = [line for line in others if lines[line] == lines[ride.draft.line]]
    if same:
        ride.draft.line = same[case.turn % len(same)]
        case.send(ride, Reason.TERMINAL_LINE_DIFFERS)
    else:
        case.send(ride)


def future(case: Case) -> None:
    """A device whose clock is two days ahead."""
    case.send(case.bus(days=2), Reason.FUTURE)


def presented_late(case: Case) -> None:
    """A tap that comes after the presentment window."""
    case.send(case.bus(days=-31 - case.turn % 5), Reason.PRESENTED_LATE)


def presented_old(case: Case) -> None:
    """A tap of some days ago, the last day of the window included: nothing is wrong with it."""
    case.send(case.bus(days=(-30, -1, -2, -7)[case.turn % 4]))


def declared_late(case: Case) -> None:
    """A batch declared for the day before: taken, and flagged as a batch."""
    ride = case.seal(case.bus(days=-1))
    case.day.declare_late(ride.operator, case.item(ride))


def degraded_mode(case: Case) -> None:
    """The device worked in a degraded mode: no fare is computed, the amount stands."""
    ride = case.bus()
    ride.draft.mode = 1
    case.send(ride, Reason.DEGRADED_MODE)


def unknown_kind(case: Case) -> None:
    """A kind that no table has."""
    ride = case.bus()
    ride.draft.kind = (0, 12, 99, 255)[case.turn % 4]
    case.day.deliver(ride.operator, case.stopped(case.seal(ride), Reason.UNKNOWN_KIND))


def malformed(case: Case) -> None:
    """Bytes that are no tap, each in its turn in another field."""
    ride = case.seal(case.bus())
    draft = ride.draft
    spoils: tuple[tuple[str, object], ...] = (
        ("serial", b"\x00\x00\xab" + draft.serial[3:]),
        ("tapped_at", bytes.fromhex("20260230083015")),
        ("version", 2),
        ("reserved", b"\x00\x00\x01"),
        ("type_byte", int(TypeByte.LOAD)),
        ("mode", 2),
        ("amount_fen", -100),
        ("gross_fen", -1),
        ("family", 9),
        ("issuer", b"\x00" * 7 + b"\x0f"),
        ("city", b"\x7f\x10"),
        ("entry_at", bytes.fromhex("20251301000000")),
        ("transfer_at", bytes.fromhex("20250101246000")),
        ("tapped_at", draft.tapped_at[:4] + b"\x24\x00\x00"),
    )
    name, value = spoils[case.turn % len(spoils)]
    setattr(draft, name, value)
    case.day.deliver(ride.operator, case.stopped(ride, Reason.MALFORMED))


def _at_the_agent(case: Case, kind: TapKind, type_byte: TypeByte, amount_fen: int) -> Ride:
    """Something else than a top-up that an agent does with a card."""
    ride = case.top_up(amount_fen)
    pool, index, draft = ride.pool, ride.index, ride.draft
    pool.online[index] -= 1
    pool.balance[index] = draft.balance_before_fen - amount_fen
    draft.kind, draft.type_byte = kind, type_byte
    draft.balance_after_fen, draft.online_counter = pool.balance[index], pool.online[index]
    assert ride.operator.mode == AGENT
    return ride


def refund_held(case: Case) -> None:
    """A card is handed back for its balance."""
    amount = case.pool.balance[case.index]
    ride = _at_the_agent(case, TapKind.CARD_REFUND, TypeByte.PURCHASE, amount)
    case.send(ride, Reason.REFUND_HELD)


def kind_not_supported(case: Case) -> None:
    """A reversed top-up or a lost card: for the centre's staff."""
    if case.turn % 2 == 0:
        ride = _at_the_agent(case, TapKind.TOP_UP_REVERSAL, TypeByte.LOAD, 5000)
    else:
        ride = _at_the_agent(case, TapKind.CARD_LOSS, TypeByte.PURCHASE, 0)
    case.send(ride, Reason.KIND_NOT_SUPPORTED)
