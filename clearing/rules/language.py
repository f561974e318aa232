"""The rule language as data: every key and every word of it. Documentation is tested against it."""

from collections.abc import Iterable, Mapping

from clearing.rules import (
    accumulations,
    apportioning,
    calendars,
    collecting,
    compiling,
    discounts,
    fees,
    hours,
    networks,
    places,
    shares,
    stays,
    transfers,
)
from clearing.rules.tariffs import distance, flat, modules, od, sections, zones


def keys() -> dict[str, Mapping[str, str]]:
    """The keys of each kind of table, each with a sentence that says what it means."""
    return {
        "set": collecting.SET_KEYS,
        "calendar": calendars.KEYS,
        "holiday": calendars.HOLIDAY_KEYS,
        "network": networks.KEYS,
        "station or line": places.KEYS,
        "link": networks.LINK_KEYS,
        "tariff": compiling.KEYS,
        **{f"tariff of type {name}": module.KEYS for name, module in modules().items()},
        "entry of by_line": flat.ENTRY_KEYS,
        "band of a distance tariff": distance.BAND_KEYS,
        "lines apart": distance.APART_KEYS,
        "fare of a matrix": od.FARE_KEYS,
        "route of sections": sections.ROUTE_KEYS,
        "band of sections": sections.BAND_KEYS,
        "zone": zones.ZONE_KEYS,
        "border of zones": zones.BORDER_KEYS,
        "band of zones": zones.BAND_KEYS,
        "hours": hours.KEYS,
        "surcharge": stays.SURCHARGE_KEYS,
        "discount": discounts.KEYS,
        "class": discounts.CLASS_KEYS,
        "band of a class": discounts.BAND_KEYS,
        "transfer": transfers.KEYS,
        "pair of a transfer": transfers.PAIR_KEYS,
        "accumulation": accumulations.KEYS,
        "tier": accumulations.TIER_KEYS,
        "split": shares.SPLIT_KEYS,
        "apportionment": apportioning.KEYS,
        "owner of lines": apportioning.OWNER_KEYS,
        "fee": fees.KEYS,
        "tier of a fee": fees.TIER_KEYS,
        "share": shares.SHARE_KEYS,
    }


def words() -> dict[str, Iterable[str]]:
    """The words that a key can have as its value."""
    return {
        "section": collecting.SECTIONS,
        "type of a tariff": modules(),
        "kind of tap": compiling.TAP_KINDS,
        "kind of day": hours.DAY_KINDS,
        "basis of hours": hours.BASES,
        "fare of a long stay": (stays.TOP,),
        "degraded mode": stays.DEGRADED,
        "missing entry": stays.MISSING,
        "card kind": discounts.CARD_KINDS,
        "rounding": discounts.ROUNDINGS,
        "bearer": discounts.BEARERS,
        "type of a transfer": transfers.TYPES,
        "mode": transfers.MODES,
        "period": accumulations.PERIODS,
        "role in a split": shares.SPLIT_ROLES,
        "role in a fee": fees.ROLES,
        "billing of a fee": fees.BILLINGS,
        "bearer of a fee": fees.BEARERS,
        "cards of a fee": fees.CARDS,
    }
