"""The rule language as data: every key and every word of it. Documentation is tested against it."""

from collections.abc import Iterable, Mapping

from clearing.rules import discounts, loading, networks, places, shares
from clearing.rules.tariffs import distance, flat, modules, od


def keys() -> dict[str, Mapping[str, str]]:
    """The keys of each kind of table, each with a sentence that says what it means."""
    return {
        "set": loading.SET_KEYS,
        "network": networks.KEYS,
        "station or line": places.KEYS,
        "link": networks.LINK_KEYS,
        "tariff": loading.TARIFF_KEYS,
        **{f"tariff of type {name}": module.KEYS for name, module in modules().items()},
        "entry of by_line": flat.ENTRY_KEYS,
        "band of a distance tariff": distance.BAND_KEYS,
        "lines apart": distance.APART_KEYS,
        "fare of a matrix": od.FARE_KEYS,
        "discount": discounts.KEYS,
        "class": discounts.CLASS_KEYS,
        "band of a class": discounts.BAND_KEYS,
        "transfer": discounts.TRANSFER_KEYS,
        "split": shares.SPLIT_KEYS,
        "fee": shares.FEE_KEYS,
        "share": shares.SHARE_KEYS,
    }


def words() -> dict[str, Iterable[str]]:
    """The words that a key can have as its value."""
    return {
        "section": loading.SECTIONS,
        "type of a tariff": modules(),
        "kind of tap": loading.TAP_KINDS,
        "card kind": discounts.CARD_KINDS,
        "rounding": discounts.ROUNDINGS,
        "bearer": discounts.BEARERS,
        "type of a transfer": discounts.TRANSFER_TYPES,
        "role in a split": shares.SPLIT_ROLES,
        "role in a fee": shares.FEE_ROLES,
    }
