"""Account numbers of this node's ledger, and postings that are merged before they are written."""

from datetime import date

from clearing.plan import Purpose
from clearing.store import Connection, Posting, ensure_accounts
from schemas.accounts import AccountKind, code_of
from schemas.codes import Purse


async def account_no(connection: Connection, kind: AccountKind, participant: str = "") -> int:
    """The number of a principal account, which is opened where it is missing."""
    code = code_of(Purse.PRINCIPAL, kind, participant)
    number = await connection.fetchval(
        "SELECT account_no FROM clearing.account WHERE code = $1", code
    )
    if number is None:
        accounts = await ensure_accounts(connection, [(Purse.PRINCIPAL, kind, participant)])
        number = accounts[code].number
    return int(number)


class Lines:
    """The postings of one entry: one line per account and purpose, in the order they came up."""

    def __init__(self, cycle_account: int = 0, cycle: date | None = None) -> None:
        self._cycle_account, self._cycle = cycle_account, cycle
        self._fen: dict[tuple[int, Purpose], int] = {}

    def move(self, debit: int, credit: int, purpose: Purpose, fen: int) -> None:
        """Debit one account and credit another; a negative amount the other way round."""
        for account, signed in ((debit, fen), (credit, -fen)):
            key = (account, purpose)
            self._fen[key] = self._fen.get(key, 0) + signed

    def relabel(self, account: int, old: Purpose, new: Purpose, fen: int) -> None:
        """Take a credit from one purpose of an account and give it to another."""
        for purpose, signed in ((old, fen), (new, -fen)):
            key = (account, purpose)
            self._fen[key] = self._fen.get(key, 0) + signed

    def postings(self) -> tuple[Posting, ...]:
        """The lines that are not zero; those of the cycle's account carry the cycle."""
        return tuple(
            Posting(
                account, purpose, fen, cycle=self._cycle if account == self._cycle_account else None
            )
            for (account, purpose), fen in self._fen.items()
            if fen
        )
