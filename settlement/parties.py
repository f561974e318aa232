"""Who the participants of positions are: names, and the accounts that payments go to."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from schemas.cities import PROVINCE
from schemas.registry import City, Issuer, Operator
from settlement.context import Context

Registry = Mapping[str, Sequence[object]]
_Row = TypeVar("_Row")

CENTRE: Final = "centre"


class Payee(msgspec.Struct, frozen=True):
    """Whom a bank pays, or takes from: a name and an account."""

    name: str
    account: str


def rows(registry: Registry, kind: str, of: type[_Row]) -> list[_Row]:
    """The rows of one kind."""
    return [row for row in registry.get(kind, ()) if isinstance(row, of)]


def payees(registry: Registry, context: Context) -> dict[str, Payee]:
    """Everyone with an account, by the name of the position.

    An operator's account serves its drivers and its top-up desks too. The centre has no position to be
    instructed; it is the other side of every payment (``centre``).
    """
    found: dict[str, Payee] = {}
    for operator in rows(registry, "operator", Operator):
        if operator.payee_account:
            payee = Payee(operator.payee_name or operator.name, operator.payee_account)
            for role in ("operator", "driver", "load_agent", "refund_agent"):
                found[f"{role}/{operator.number}"] = payee
    for city in rows(registry, "city", City):
        if not city.payee_account:
            continue
        payee = Payee(city.payee_name or city.name, city.payee_account)
        if city.city == context.node.city:
            found[CENTRE] = payee
        elif context.is_province:
            found[f"city/{city.city}"] = payee
    return found


def centre(registry: Registry, context: Context) -> Payee:
    """The node's own settlement account: its row among the cities names it."""
    known = payees(registry, context).get(CENTRE)
    return known or Payee(context.node.row.name, f"CENTRE-{context.node.city}")


def names(registry: Registry) -> dict[str, str]:
    """What a person calls the participants, by the name of the position."""
    found = {"province": "省级清分中心 province", CENTRE: "清分中心 centre"}
    found |= {"budget": "财政补贴 budget", "issuer_discount": "发卡方承担 issuer's own funds"}
    found |= {"clearing_centre": "清分中心 centre", "issuer": "发卡方 issuer"}
    for operator in rows(registry, "operator", Operator):
        for role in ("operator", "driver", "load_agent", "refund_agent"):
            found[f"{role}/{operator.number}"] = operator.name
    for issuer in rows(registry, "issuer", Issuer):
        found[f"issuer/{issuer.number}"] = issuer.name
    for city in rows(registry, "city", City):
        if city.city != PROVINCE:
            found[f"city/{city.city}"] = city.name
    return found
