"""Test keys that anyone recognises: each begins with the letters TEST, in a hex dump 54455354.

They follow from a seed and the key set's name, so that a demonstration and its traffic agree without a
key in any file. A store treats every key of this form as a test key, whatever its flag says.
"""

from __future__ import annotations

import hashlib
from typing import Final

from clearing.keys.chains import KeySetId
from clearing.keys.port import Secret

MARK: Final = b"TEST"


def visible_test_key(key_set_id: KeySetId, seed: int) -> Secret:
    """The 16-byte test master key of a key set under ``seed``. No secret: anyone can compute it."""
    text = f"onecard visible test key {seed} {key_set_id}"
    return Secret(MARK + hashlib.sha256(text.encode()).digest()[:12])


def is_visible_test_key(key: bytes) -> bool:
    """Whether a master key has the form of a test key."""
    return key.startswith(MARK)
