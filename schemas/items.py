"""Open items 挂账项: what waits for data, for time, or for two people, and what may be done with it.

An item is opened once, on a business date, and never rewritten: each later event is a change of it with a
date of its own, so that what was known on any date can be told for ever. Money that an item speaks of
stands on an account (suspense, unclaimed) or on none (nothing is booked until a debit is proven).
"""

from enum import StrEnum
from typing import Final

import msgspec


class ItemKind(StrEnum):
    """What waits. The text forms are these words."""

    HELD = "held"
    """A held tap whose debit is proven: its money stands in suspense."""
    HELD_UNPROVEN = "held_unproven"
    """A held tap without proof: nothing is booked."""
    UNCLAIMED = "unclaimed"
    """A rejected tap whose debit is proven: its money stands in unclaimed, by reason."""
    EXCESS = "excess"
    """What an accepted tap was charged beyond the tariff: in suspense, the cardholder's."""
    TORN = "torn"
    """A torn tap 闪卡 until the card's next record settles it."""
    REFUND = "refund"
    """A card refund 退卡 until the presentment window has closed."""
    CHAIN_GAP = "chain_gap"
    """断号 in a card's chain: debits that left the card and whose records have not come."""
    CHAIN_RISE = "chain_rise"
    """A card's balance rose by loads whose records have not come."""
    CHAIN_BREAK = "chain_break"
    """Two neighbours in a card's chain whose balances cannot both be true."""
    DOUBLE_DEDUCTION = "double_deduction"
    """Two debits 多刷 of one card at one terminal that look like one ride."""
    TERMINAL_GAP = "terminal_gap"
    """断号 in a terminal's numbers: records that never came."""
    TERMINAL_REPEAT = "terminal_repeat"
    """重号: a number that a terminal gave twice."""
    LOAD_WITHOUT_LOG = "load_without_log"
    """A top-up that the issuer's load log does not have."""
    LOG_WITHOUT_LOAD = "log_without_load"
    """A load of the issuer's log whose record never came."""
    TRANSFER = "transfer"
    """A transfer discount 换乘 that could not be judged when its tap came: a leg before it may be missing."""


class ItemState(StrEnum):
    """Where an item stands."""

    OPEN = "open"
    CLOSED = "closed"


class ItemOutcome(StrEnum):
    """What a change of an item says. The first is what opening it says."""

    OPENED = "opened"
    RESTATED = "restated"
    """The same item with another amount or count: part of what is missing came."""
    ARRIVED = "arrived"
    """What was missing came."""
    LOST = "lost"
    """The presentment window closed: what a gap took stands in unclaimed from here on."""
    ARRIVED_LATE = "arrived_late"
    """What was lost came after all: unclaimed gives it back."""
    DEBITED = "debited"
    """The card's next record shows that a torn tap took the money."""
    NOT_DEBITED = "not_debited"
    """The card's next record shows that a torn tap took nothing."""
    MATCHED = "matched"
    """Tap and load log agree."""
    ALARMED = "alarmed"
    """A rise that a complete load log does not explain: people look at the card."""
    REFUSED = "refused"
    """Another city refused the tap: what it had brought was taken back."""
    PAID = "paid"
    """A refund was booked when its window had closed."""
    RELEASED = "released"
    REJECTED = "rejected"
    RETURNED = "returned"
    WRITTEN_OFF = "written_off"
    REVERSED = "reversed"
    """A double deduction was taken back from the operator and is the cardholder's; of a transfer: its ride was."""
    BOOKED = "booked"
    """A load of the log was booked without its record."""
    DENIED = "denied"
    """The card was put on the denylist."""
    PROVEN = "proven"
    """The legs before a transfer are here, and it qualifies: what its bearer owes for it is booked."""
    REFUTED = "refuted"
    """The legs before a transfer are here, and it does not qualify."""
    NOT_PROVEN = "not_proven"
    """The window of a transfer closed before the legs that would prove it came."""
    DISMISSED = "dismissed"
    """Two people saw it and found nothing to do."""
    RECLEARED = "recleared"
    """A re-clearing of the tap's date changed what waits, or that anything does."""


class Action(StrEnum):
    """What one person proposes and another approves."""

    RELEASE = "release"
    """Held → the operator: Dr suspense / Cr the operator's side, as if it had been accepted."""
    REJECT = "reject"
    """Held → unclaimed by reason: Dr suspense / Cr unclaimed."""
    RETURN = "return"
    """Held, unclaimed or excess → the cardholder, in cash by a refund agent, who is owed it."""
    WRITE_OFF = "write_off"
    """Suspense or unclaimed → unclaimed/written_off: still owed to its owner, no longer looked for."""
    REVERSE = "reverse"
    """Double deduction: Dr the operator's side / Cr the refund agent that paid the cardholder."""
    BOOK_LOAD = "book_load"
    """Load of the log without record: Dr load agent / Cr card liability."""
    DENY = "deny"
    """The item's card goes on the next denylist."""
    DISMISS = "dismiss"
    """Nothing to book: the item is closed with the words given."""


ACTIONS: Final[dict[ItemKind, tuple[Action, ...]]] = {
    ItemKind.HELD: (Action.RELEASE, Action.REJECT, Action.RETURN, Action.DENY),
    ItemKind.HELD_UNPROVEN: (Action.RELEASE, Action.DISMISS),
    ItemKind.UNCLAIMED: (Action.RELEASE, Action.RETURN, Action.WRITE_OFF, Action.DENY),
    ItemKind.EXCESS: (Action.RETURN, Action.RELEASE, Action.WRITE_OFF),
    ItemKind.TORN: (Action.RELEASE, Action.DISMISS),
    ItemKind.REFUND: (Action.RELEASE, Action.DISMISS),
    ItemKind.CHAIN_GAP: (Action.WRITE_OFF, Action.RETURN, Action.DENY, Action.DISMISS),
    ItemKind.CHAIN_RISE: (Action.DENY, Action.DISMISS),
    ItemKind.CHAIN_BREAK: (Action.DENY, Action.DISMISS),
    ItemKind.DOUBLE_DEDUCTION: (Action.REVERSE, Action.DISMISS),
    ItemKind.TERMINAL_GAP: (Action.DISMISS,),
    ItemKind.TERMINAL_REPEAT: (Action.DISMISS,),
    ItemKind.LOAD_WITHOUT_LOG: (Action.REJECT, Action.DISMISS),
    ItemKind.LOG_WITHOUT_LOAD: (Action.BOOK_LOAD, Action.DISMISS),
    ItemKind.TRANSFER: (Action.DISMISS,),
}
"""What may be proposed for an item of each kind."""


def actions_of(kind: ItemKind, *, money_stands: bool) -> tuple[Action, ...]:
    """What may be proposed for an item as it stands: only money that stands on an account can be returned or
    written off, and only an item without any can be dismissed."""
    barred = {Action.DISMISS} if money_stands else {Action.RETURN, Action.WRITE_OFF}
    return tuple(action for action in ACTIONS[kind] if action not in barred)


class ItemText(msgspec.Struct, frozen=True):
    """What an item of a kind says to a person, and who bears the money until it is decided."""

    chinese: str
    english: str
    next_chinese: str
    next_english: str
    bearer: str


# fmt: off
TEXTS: Final[dict[ItemKind, ItemText]] = {
    ItemKind.HELD: ItemText(
        "可疑交易，款项挂账", "a held tap; its money waits in suspense",
        "两人审批：释放、拒绝或退还", "two people release, reject or return it", "operator"),
    ItemKind.HELD_UNPROVEN: ItemText(
        "可疑交易，未证实扣款", "a held tap whose debit is not proven; nothing is booked",
        "等待证据，或两人审批", "wait for proof, or let two people decide", "operator"),
    ItemKind.UNCLAIMED: ItemText(
        "已扣款但被拒绝，款项无主", "a rejected tap whose money left the card",
        "两人审批：退还、释放或核销", "two people return, release or write it off", "operator"),
    ItemKind.EXCESS: ItemText(
        "多收票款，待退持卡人", "charged beyond the tariff; the cardholder's",
        "两人审批退还", "two people return it", "operator"),
    ItemKind.TORN: ItemText(
        "闪卡，待下一笔记录判定", "a torn tap; the card's next record will settle it",
        "无需处理，期满转人工", "nothing to do; people decide when the window has closed", "cardholder"),
    ItemKind.REFUND: ItemText(
        "退卡等待期", "a card refund in its waiting time",
        "期满自动入账", "it is booked when the window has closed", "issuer"),
    ItemKind.CHAIN_GAP: ItemText(
        "卡账户链断号", "debits of this card whose records have not come",
        "催运营商补传；期满转无主款", "ask operators for the records; unclaimed when the window closes",
        "operator"),
    ItemKind.CHAIN_RISE: ItemText(
        "余额上升无充值记录", "the balance rose without a load record",
        "等待充值日志；无记录则报警", "wait for the load log; an alarm if that has none either", "issuer"),
    ItemKind.CHAIN_BREAK: ItemText(
        "卡账户链矛盾", "neighbours in this card's chain contradict each other",
        "核查是否伪卡", "look for a cloned card", "issuer"),
    ItemKind.DOUBLE_DEDUCTION: ItemText(
        "疑似多刷", "two debits that look like one ride",
        "两人审批退款", "two people refund it if it was one", "cardholder"),
    ItemKind.TERMINAL_GAP: ItemText(
        "终端流水断号", "numbers of this terminal that never came",
        "催运营商补传", "ask the operator for the records", "operator"),
    ItemKind.TERMINAL_REPEAT: ItemText(
        "终端流水重号", "a number that this terminal gave twice",
        "核查终端是否被重置或重放", "find out whether it was reset or its records replayed", "operator"),
    ItemKind.LOAD_WITHOUT_LOG: ItemText(
        "充值无授权日志", "a top-up that the issuer's load log does not have",
        "与发卡方核对", "compare with the issuer", "issuer"),
    ItemKind.LOG_WITHOUT_LOAD: ItemText(
        "有授权日志无充值记录", "a load of the log whose record never came",
        "催充值网点补传；两人审批入账", "ask the load agent; two people may book it", "issuer"),
    ItemKind.TRANSFER: ItemText(
        "换乘优惠待证", "a transfer discount that a missing leg may prove",
        "催缺失的前程记录；到达当夜自动判定", "ask for the missing leg; the night on which it is here decides",
        "operator"),
}
# fmt: on


class LoadLogged(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an issuer's load log 充值日志: a load that the issuer authorised.

    ``card``: family, issuer and serial as in a record; ``online_counter``: the card's load counter after
    it; ``loaded_at``: ISO local time; ``operator``: the load agent; ``authorisation`` is unique per issuer.
    """

    family: int
    issuer: str
    serial: str
    online_counter: int
    amount_fen: int
    loaded_at: str
    operator: int
    authorisation: str


def item_id_of_tap(kind: ItemKind, batch_seq: int, row: int) -> str:
    """The id of an item about one tap: ``held/17/3``."""
    return f"{kind.value}/{batch_seq}/{row}"
