"""The table of faults: name, how often, on whose card, issued how, what happens."""

from collections.abc import Callable
from typing import Final

import msgspec

from loadtest.cards import Opening
from loadtest.faults import forgery, money, registry
from loadtest.faults.case import Case
from loadtest.world import METRO, CityWorld
from schemas.codes import CardKind

AT_HOME, VISITOR, EXCLUDED = "at home", "visitor", "excluded"
DELIVERED, UNDELIVERED = "delivered", "undelivered"
TRANSFER, EARLIER_DAY, NO_FARE = "transfer", "earlier day", "a ride without a fare"
SUPPLEMENT = "supplement"

_PLAIN: Final = Opening(card_kind=CardKind.ORDINARY, balance_fen=10_000)


class Fault(msgspec.Struct, frozen=True):
    """One kind of fault.

    ``weight``: how often it occurs among faults; 0 = once a day. ``card``: whose card it needs;
    ``denied``: on which kind of denylist it stands; ``needs``: what the city must have.
    """

    name: str
    weight: int
    scenario: Callable[[Case], None]
    opening: Opening = _PLAIN
    card: str = AT_HOME
    denied: str = ""
    needs: str = ""

    def possible(self, world: CityWorld, day_number: int) -> bool:
        """Whether it can occur in a city on a day."""
        if self.needs == METRO:
            return METRO in world.operators
        if self.needs == SUPPLEMENT:
            metro = world.fares.metro
            return metro is not None and metro.supplement_fen > 0
        if self.needs == NO_FARE:
            return METRO in world.operators or not world.fares.bus.any_line
        if self.needs == TRANSFER:
            return world.fares.bus.transfer is not None
        if self.needs == EARLIER_DAY:
            return day_number > 0
        if self.card == VISITOR:
            return world.neighbour is not None
        return True


def _plain(
    *,
    kind: CardKind = CardKind.ORDINARY,
    balance_fen: int = 10_000,
    expires_days: int = 5 * 365,
    closed: bool = False,
    issued: bool = True,
) -> Opening:
    return Opening(kind, balance_fen, expires_days, closed, issued)


FAULTS: Final[tuple[Fault, ...]] = (
    Fault("duplicate_in_batch", 8, forgery.duplicate_in_batch),
    Fault("duplicate", 8, forgery.duplicate),
    Fault("duplicate_across_days", 4, forgery.duplicate_across_days, needs=EARLIER_DAY),
    Fault("duplicate_altered", 4, forgery.duplicate_altered),
    Fault("tac_wrong", 8, forgery.tac_wrong),
    Fault("tac_wrong_amount", 2, forgery.tac_wrong_amount),
    Fault("tac_torn", 8, forgery.tac_torn),
    Fault("tac_absent", 2, forgery.tac_absent),
    Fault("key_set_unknown", 3, forgery.key_set_unknown),
    Fault("counter_reused", 3, forgery.counter_reused),
    Fault("visitor_tac_wrong", 3, forgery.visitor_tac_wrong, card=VISITOR),
    Fault("visitor_not_issued", 1, forgery.visitor_not_issued, _plain(issued=False), VISITOR),
    Fault("visitor_torn", 2, forgery.visitor_torn, card=VISITOR),
    Fault("visitor_top_up", 2, forgery.visitor_top_up, card=VISITOR),
    Fault("card_not_issued", 3, registry.card_not_issued, _plain(issued=False)),
    Fault("card_closed", 2, registry.card_closed, _plain(closed=True)),
    Fault("card_expired", 3, registry.card_expired, _plain(expires_days=-10)),
    Fault("test_card", 1, registry.test_card, _plain(kind=CardKind.TEST)),
    Fault("denylisted", 3, registry.denylisted, denied=DELIVERED),
    Fault("denylist_undelivered", 3, registry.denylist_undelivered, denied=UNDELIVERED),
    Fault("card_kind_differs", 3, registry.card_kind_differs),
    Fault("card_kind_unknown", 2, registry.card_kind_unknown),
    Fault("concession_not_of_card", 2, registry.concession_not_of_card),
    Fault("issuer_unknown", 2, registry.issuer_unknown),
    Fault("issuer_not_interoperable", 2, registry.issuer_not_interoperable, card=EXCLUDED),
    Fault("terminal_unknown", 3, registry.terminal_unknown),
    Fault("terminal_of_other_operator", 3, registry.terminal_of_other_operator),
    Fault("operator_other", 2, registry.operator_other),
    Fault("terminal_line_differs", 3, registry.terminal_line_differs),
    Fault("terminal_device_differs", 2, registry.terminal_device_differs),
    Fault("terminal_number_reused", 2, registry.terminal_number_reused),
    Fault("future", 2, registry.future),
    Fault("presented_late", 2, registry.presented_late),
    Fault("presented_old", 3, registry.presented_old),
    Fault("declared_late", 0, registry.declared_late),
    Fault("degraded_mode", 3, registry.degraded_mode),
    Fault("unknown_kind", 2, registry.unknown_kind),
    Fault("malformed", 6, registry.malformed),
    Fault("refund_held", 1, registry.refund_held),
    Fault("kind_not_supported", 1, registry.kind_not_supported),
    Fault("zero_amount", 2, money.zero_amount),
    Fault("amount_above_limit", 1, money.amount_above_limit, _plain(balance_fen=90_000)),
    Fault("balance_above_limit", 1, money.balance_above_limit, _plain(balance_fen=95_000)),
    Fault("balance_arithmetic", 2, money.balance_arithmetic),
    Fault("above_tariff", 4, money.above_tariff),
    Fault("below_tariff", 4, money.below_tariff),
    Fault("gross_differs", 3, money.gross_differs),
    Fault("tariff_missing", 2, money.tariff_missing, needs=NO_FARE),
    Fault("tap_out_without_tap_in", 3, money.tap_out_without_tap_in, needs=METRO),
    Fault("entry_from_the_card", 2, money.entry_from_the_card, needs=METRO),
    Fault("journey_too_long", 2, money.journey_too_long, needs=METRO),
    Fault("entry_without_exit", 2, money.entry_without_exit, needs=METRO),
    Fault("transfer_unproven", 2, money.transfer_unproven, needs=TRANSFER),
    Fault("transfer_unqualified", 2, money.transfer_unqualified, needs=TRANSFER),
    Fault("transfer_too_late", 2, money.transfer_too_late, needs=TRANSFER),
    Fault("transfer_too_often", 1, money.transfer_too_often, needs=TRANSFER),
    Fault("metro_supplement", 2, money.metro_supplement, needs=SUPPLEMENT),
    Fault("chain_gap", 4, money.chain_gap),
    Fault("balance_rise", 3, money.balance_rise),
    Fault("counter_late", 4, money.counter_late),
)
