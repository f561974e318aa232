"""The settings of a node: ``onecard.toml`` in its home, the environment over the file.

Every setting is a field of ``Settings``; its environment variable is ``ONECARD_`` and the name in
capitals. ``docs/configuration.md`` describes each (a test compares). What must never change under a
node (its city, its first open date, whether it is in production) is in its database, not here.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from clearing.limits import BATCH_BYTES_MAX
from service.errors import SettingError

FILE: Final = "onecard.toml"
PREFIX: Final = "ONECARD_"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings, with their defaults. Relative paths are relative to the home."""

    dsn: str = ""
    """Database to use (``postgresql://…``); empty: an embedded PostgreSQL in the home."""
    kernel: Literal["", "fastpath", "reference"] = ""
    """Which kernel judges; empty: ``CLEARING_KERNEL``, else fastpath."""
    keys_file: str = "keys/master-keys.json"
    """The sealed file with the issuers' master keys."""
    key_encryption_file: str = "keys/encryption.key"
    """The file that opens it; empty: the passphrase in ``ONECARD_KEY_PASSPHRASE``."""
    log_format: Literal["auto", "console", "json"] = "auto"
    """``auto``: JSON in production, for a terminal otherwise."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Events below this level are not logged."""
    http_host: str = "127.0.0.1"
    """Address on which ``onecard serve`` listens."""
    http_port: int = 8640
    """Its port; 0: any free one, which is printed."""
    body_max_bytes: int = BATCH_BYTES_MAX
    """Largest body that is taken over HTTP."""
    body_wait_s: float = 60.0
    """How long a request may take to send its body."""
    requests_per_s: float = 50.0
    """How many requests a second one API key may make in the long run."""
    requests_burst: int = 200
    """How many it may make at once."""
    province_url: str = ""
    """A city's way to the province node (``http://…``); empty: no exchange with other cities."""
    exchange_interval_s: float = 5.0
    """Pause between rounds of the exchange when there is nothing to do."""
    stop_wait_s: float = 30.0
    """How long a server that was told to stop waits for what it has begun."""


NAMES: Final = Settings.__struct_fields__


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def load(home: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of a home. A missing file means defaults. Raises ``SettingError``."""
    path = home / FILE
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        values = {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"{path} cannot be read: {error}.", "Mend or restore the file."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{path} is not TOML: {error}.", "Correct that line.") from error
    for name in values:
        _refuse_unknown(name, path)
    settings = _convert(values, str(path))
    return _convert({**msgspec.structs.asdict(settings), **_overrides(environ)}, "The environment")


def _overrides(environ: Mapping[str, str] | None) -> dict[str, Any]:
    """The settings that the environment gives; an empty variable counts as not set."""
    source = os.environ if environ is None else environ
    return {name: source[variable_of(name)] for name in NAMES if source.get(variable_of(name))}


def _refuse_unknown(name: str, path: Path) -> None:
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, 1)
        raise SettingError(
            f"{path} has a setting {name!r} that does not exist.",
            f"Did you mean {near[0]}?" if near else "See docs/configuration.md for those that do.",
        )


def _convert(values: dict[str, Any], source: str) -> Settings:
    """Checked settings; text for a number counts, as an environment has nothing but text."""
    lax = source == "The environment"
    try:
        settings = msgspec.convert(values, Settings, strict=not lax)
    except msgspec.ValidationError as error:
        raise SettingError(
            f"{source} has a setting that does not hold: {error}.",
            "See docs/configuration.md for its values"
            + (f"; variables are {PREFIX}NAME." if lax else "."),
        ) from error
    bounds = {
        "http_port": (0, 65535),
        "body_max_bytes": (1024, BATCH_BYTES_MAX),
        "body_wait_s": (1, 3600),
        "requests_per_s": (0.01, 1e9),
        "requests_burst": (1, 1_000_000_000),
        "exchange_interval_s": (0.05, 86400),
        "stop_wait_s": (1, 3600),
    }
    for name, (low, high) in bounds.items():
        if not low <= getattr(settings, name) <= high:
            raise SettingError(
                f"{source} sets {name} to {getattr(settings, name)}.",
                f"Give a value from {low} to {high}.",
            )
    return settings


def template() -> str:
    """The text of a new ``onecard.toml``: every setting, commented out at its default."""
    lines = [
        "# Settings of this node. A line without # in front counts; the environment counts more:",
        f"# {PREFIX} and the name in capitals. docs/configuration.md describes each setting.",
        "",
    ]
    defaults = msgspec.structs.asdict(Settings())
    lines += [
        f"# {name} = {msgspec.json.encode(value).decode()}" for name, value in defaults.items()
    ]
    return "\n".join(lines) + "\n"
