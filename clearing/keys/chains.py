"""Diversification chains as data: from a stored master key to a card's own key (domain §4).

A chain belongs to one (issuer, key version, key index, algorithm) and lists one to three factor
templates, the issuer's level first. Every template makes eight bytes. The last one is the card's and
is evaluated per tap by the kernels, which take eight bytes at an offset of issuer 8 | serial 10; those
before it are the same for all cards of the key set and are evaluated once, when the key is unwrapped.

A template is parts joined by ``|``:

    issuer            the 8 bytes of the issuer
    city_code         2 bytes BCD, from the entry's ``city_code`` (住建部 city code)
    area_code         2 bytes BCD, from the entry's ``area_code`` (UnionPay area code)
    ascii_area_code   the same four digits as ASCII, 4 bytes
    ascii:TEXT        the bytes of TEXT, up to the next ``|``; blanks count
    FF 00 12          literal bytes, hexadecimal

and the last template is exactly one of

    serial_8          the serial of a family with 8-byte serials
    serial_last8      the last 8 bytes of a 10-byte serial (the same place as serial_8)
    serial_first8     its first 8 bytes
    identity@N        8 bytes from offset N of issuer | serial, N from 1 to 10

Examples: MOHURD ``["city_code|FF0000000000", "serial_8"]``; T-Union ``["issuer", "serial_last8"]``;
a metro centre ``["ascii:XIAN2020", "area_code|FFFFFFFFFFFF", "serial_last8"]``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from clearing.keys import reference
from clearing.keys.errors import ChainError

LEVELS_MAX: Final = 3
IDENTITY_BYTES: Final = 18
ISSUER_BYTES: Final = 8

_CARD_OFFSETS: Final[Mapping[str, int]] = {"serial_8": 10, "serial_last8": 10, "serial_first8": 8}
_IDENTITY_AT = re.compile(r"identity@(\d{1,2})")
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_ALGORITHMS: Final = {"des": reference.DES, "sm4": reference.SM4_ALGORITHM}
_FOLDS: Final = {"left": reference.FOLD_LEFT, "xor": reference.FOLD_XOR}


_Refuse = Callable[[str, str], ChainError]
"""Makes the error of one entry from a sentence and a remedy."""


class KeySetId(NamedTuple):
    """Which key set: ``issuer`` 8 bytes as in the record, version and index 0-255, algorithm 0 or 1."""

    issuer: bytes
    key_version: int
    key_index: int
    algorithm: int

    def __str__(self) -> str:
        name = "sm4" if self.algorithm == reference.SM4_ALGORITHM else "des"
        return f"{self.issuer.hex().upper()}/{self.key_version}/{self.key_index}/{name}"


class ChainEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One chain as it stands in data: a ``[[chain]]`` table, or a key set of a sealed file."""

    issuer: str
    key_version: int
    key_index: int
    algorithm: str
    factors: tuple[str, ...]
    fold: str = "left"
    city_code: str = ""
    area_code: str = ""


class Chain(msgspec.Struct, frozen=True):
    """A chain that was checked, ready to be walked.

    ``fixed_factors``: 8 bytes each, from the stored key down to the level key. ``factor_offset``:
    where the card's own factor starts in issuer | serial.
    """

    entry: ChainEntry
    key_set: KeySetId
    fixed_factors: tuple[bytes, ...]
    factor_offset: int
    fold: int

    def level_key(self, master_key: bytes) -> bytes:
        """The key above the card's own level, 16 bytes, from the stored master key (16 bytes)."""
        key = master_key
        for factor in self.fixed_factors:
            key = reference.diversify(self.key_set.algorithm, key, factor)
        return key

    def card_factor(self, issuer: bytes, serial: bytes) -> bytes:
        """The card's own factor, 8 bytes; ``issuer`` has 8 bytes and ``serial`` 10."""
        identity = issuer + serial
        if len(identity) != IDENTITY_BYTES:
            raise ValueError("issuer | serial has 18 bytes")
        return identity[self.factor_offset : self.factor_offset + reference.FACTOR_BYTES]


def load_chains(text: str, source: str) -> dict[KeySetId, Chain]:
    """The chains of a TOML file with ``[[chain]]`` tables; ``source`` names it in errors.

    Raises ``ChainError``; nothing is returned unless every entry holds.
    """
    try:
        tables = tomllib.loads(text)
        entries = msgspec.convert(tables, type=_ChainFile).chain
    except tomllib.TOMLDecodeError as error:
        raise ChainError(source, "file", f"It is not TOML: {error}.", "Mend the line.") from error
    except msgspec.ValidationError as error:
        raise ChainError(
            source, "file", f"{error}.", "See clearing/keys/chains.py for the fields of a chain."
        ) from error
    chains: dict[KeySetId, Chain] = {}
    for number, entry in enumerate(entries, start=1):
        chain = check_chain(entry, source, f"chain {number}")
        if chain.key_set in chains:
            raise ChainError(
                source,
                f"chain {number}",
                f"The key set {chain.key_set} has a chain already.",
                "Keep one of the two.",
            )
        chains[chain.key_set] = chain
    return chains


class _ChainFile(msgspec.Struct, forbid_unknown_fields=True):
    chain: tuple[ChainEntry, ...] = ()


def check_chain(entry: ChainEntry, source: str, where: str) -> Chain:
    """The chain of ``entry``, or a ``ChainError`` that says what is wrong and how to mend it."""

    def refuse(sentence: str, remedy: str) -> ChainError:
        return ChainError(source, where, sentence, remedy)

    algorithm = _ALGORITHMS.get(entry.algorithm)
    if algorithm is None:
        raise refuse(f'algorithm "{entry.algorithm}" is not known.', 'Give "des" or "sm4".')
    fold = _FOLDS.get(entry.fold)
    if fold is None or (fold == reference.FOLD_XOR and algorithm == reference.DES):
        raise refuse(
            f'fold "{entry.fold}" does not exist for {entry.algorithm}.',
            'Give "left", or "xor" with sm4.',
        )
    for name, value in (("key_version", entry.key_version), ("key_index", entry.key_index)):
        if not 0 <= value <= 255:
            raise refuse(f"{name} {value} does not fit one byte.", "Give 0 to 255.")
    if not 1 <= len(entry.factors) <= LEVELS_MAX:
        raise refuse(
            f"It has {len(entry.factors)} levels.", f"A chain has one to {LEVELS_MAX} factors."
        )
    values = _values(entry, refuse)
    return Chain(
        entry=entry,
        key_set=KeySetId(values["issuer"], entry.key_version, entry.key_index, algorithm),
        fixed_factors=tuple(
            _fixed_factor(template, level, values, refuse)
            for level, template in enumerate(entry.factors[:-1], start=1)
        ),
        factor_offset=_card_offset(entry.factors[-1], len(entry.factors), refuse),
        fold=fold,
    )


def _values(entry: ChainEntry, refuse: _Refuse) -> Mapping[str, bytes]:
    """The named parts that the entry gives, each as bytes."""
    if re.fullmatch(r"[0-9A-Fa-f]{16}", entry.issuer) is None:
        raise refuse(f'issuer "{entry.issuer}" is not 16 hexadecimal digits.', "Give its 8 bytes.")
    values = {"issuer": bytes.fromhex(entry.issuer)}
    for name, code in (("city_code", entry.city_code), ("area_code", entry.area_code)):
        if code == "":
            continue
        if re.fullmatch(r"[0-9]{4}", code) is None:
            raise refuse(f'{name} "{code}" is not four digits.', "Give it as in the registry.")
        values[name] = bytes.fromhex(code)
    if entry.area_code:
        values["ascii_area_code"] = entry.area_code.encode("ascii")
    return values


def _fixed_factor(template: str, level: int, values: Mapping[str, bytes], refuse: _Refuse) -> bytes:
    """The eight bytes of a template above the card's level."""
    factor = b"".join(_part(part, level, values, refuse) for part in template.split("|"))
    if len(factor) != reference.FACTOR_BYTES:
        raise refuse(
            f'factor {level} "{template}" makes {len(factor)} bytes.',
            "A factor has 8 bytes: fill it up, for example with FF.",
        )
    return factor


def _part(part: str, level: int, values: Mapping[str, bytes], refuse: _Refuse) -> bytes:
    name = part.strip()
    if name in values:
        return values[name]
    if name in ("city_code", "area_code", "ascii_area_code"):
        field = name.removeprefix("ascii_")
        raise refuse(f"factor {level} needs {field}, which is not given.", f"Give {field}.")
    if name in _CARD_OFFSETS or name.startswith("identity@"):
        raise refuse(
            f'factor {level} "{name}" is of the card, but it is not the last.',
            "Only the last factor may depend on the card.",
        )
    if part.lstrip().startswith("ascii:"):
        text = part.lstrip().removeprefix("ascii:")
        if not text or not text.isascii() or not text.isprintable():
            raise refuse(f'factor {level} "{part}" is not printable ASCII.', "Use hexadecimal.")
        return text.encode("ascii")
    digits = "".join(name.split())
    if _HEXADECIMAL.fullmatch(digits) is None:
        raise refuse(
            f'factor {level} has a part "{name}" that is not known.',
            "Use issuer, city_code, area_code, ascii_area_code, ascii:TEXT or hexadecimal.",
        )
    return bytes.fromhex(digits)


def _card_offset(template: str, level: int, refuse: _Refuse) -> int:
    """Where the last factor's eight bytes start in issuer | serial."""
    name = template.strip()
    if name in _CARD_OFFSETS:
        return _CARD_OFFSETS[name]
    match = _IDENTITY_AT.fullmatch(name)
    offset = int(match[1]) if match else 0
    if not 1 <= offset <= IDENTITY_BYTES - reference.FACTOR_BYTES:
        raise refuse(
            f'factor {level} "{template}" is the last and is not 8 bytes that hold of the serial.',
            "Use serial_8, serial_last8, serial_first8 or identity@1 to identity@10.",
        )
    return offset
