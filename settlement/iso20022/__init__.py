"""The standard's own schemas, as data: what goes to the bank is validated where it is written."""

from functools import cache
from importlib import resources
from typing import Final

from lxml import etree

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:"


@cache
def schema(message: str) -> etree.XMLSchema:
    """The schema of a message, for example ``pain.001.001.09``."""
    text = resources.files(__name__).joinpath(f"{message}.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(text))


def complaints(message: str, document: bytes) -> list[str]:
    """What a document breaks of its schema; none where it is valid."""
    found = schema(message)
    if found.validate(etree.fromstring(document)):
        return []
    return str(found.error_log).splitlines()
