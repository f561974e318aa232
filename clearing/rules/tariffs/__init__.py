"""Tariff types, one module each. A new type is one new file here and nothing else.

A module has ``TYPE`` (the word for it in rule files), ``KEYS`` (its own keys, each with a sentence)
and ``build(version, context) -> Body``. Every module of this package is found by itself.
"""

from clearing.rules.tariffs.registry import Body, Context, TariffModule, modules

__all__ = ["Body", "Context", "TariffModule", "modules"]
