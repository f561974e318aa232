"""Envelopes: sealed with our key, opened with the sender's."""

from collections.abc import Mapping
from typing import Final

import msgspec

from clearing.keys.signing import PublicKey
from clearing.node import Node
from schemas import exchange as words
from schemas.codes import DigestAlgorithm
from schemas.exchange import (
    Acknowledgement,
    Answer,
    Code,
    Envelope,
    MessageError,
    MessageKind,
    Presentment,
    PullRequest,
)

Keys = Mapping[str, PublicKey]
"""Public keys of the nodes by city, the province's among them."""

_INNER: Final = {
    MessageKind.PRESENTMENT_FORWARDED: MessageKind.PRESENTMENT,
    MessageKind.ANSWER_FORWARDED: MessageKind.ANSWER,
}


def seal(
    node: Node, receiver: str, number: int, kind: MessageKind, subject: str, body: bytes
) -> bytes:
    """The signed envelope of a message, as it is stored and sent."""
    envelope = Envelope(
        sender=node.city,
        receiver=receiver,
        number=number,
        kind=kind.value,
        subject=subject,
        digest=words.digest_of(body),
        body=body,
    )
    signature = node.signing.sign(words.signing_input(envelope))
    return words.encode(msgspec.structs.replace(envelope, signature=signature))


def open_envelope(data: bytes, receiver: str, keys: Keys) -> Envelope:
    """The envelope in ``data``, which its sender signed for ``receiver``.

    Raises ``MessageError``: bad header, version, refused (a sender that is not in the registry).
    """
    envelope = words.decode_versioned(data, Envelope)
    if envelope.digest_algorithm != DigestAlgorithm.SHA256:
        raise MessageError(Code.VERSION, f"digest algorithm {envelope.digest_algorithm}")
    if envelope.receiver != receiver:
        raise MessageError(Code.BAD_HEADER, f"it is for {envelope.receiver}, not for {receiver}")
    if words.digest_of(envelope.body) != envelope.digest:
        raise MessageError(Code.BAD_HEADER, "the digest is not that of the body")
    check_signature(envelope, keys)
    return envelope


def check_signature(message: Envelope | Acknowledgement | PullRequest, keys: Keys) -> None:
    """Whether the sender signed it. Raises ``MessageError``: refused, bad header."""
    key = keys.get(message.sender)
    if key is None:
        raise MessageError(Code.REFUSED, f"{message.sender} takes no part in the exchange")
    signed = words.signing_input(message)
    if not key.verify(message.signature_algorithm, signed, message.signature):
        raise MessageError(Code.BAD_HEADER, f"the signature is not {message.sender}'s")


def read_body(envelope: Envelope) -> msgspec.Struct:
    """What an envelope says, checked as far as that needs no books; of a forwarded one what it holds.

    Raises ``MessageError``: bad schema, mismatch.
    """
    of = words.BODIES.get(envelope.kind)
    if of is None:
        raise MessageError(Code.BAD_SCHEMA, f"there is no kind of message {envelope.kind}")
    message = words.decode(envelope.body, of)
    match message:
        case Presentment():
            words.check_presentment(message)
        case Answer():
            words.check_answer(message)
        case words.ClearingTotal():
            words.check_total(message)
        case Envelope():
            if message.kind != _INNER[MessageKind(envelope.kind)]:
                raise MessageError(Code.BAD_SCHEMA, f"a {message.kind} inside a {envelope.kind}")
            return read_body(message)
    return message


def read_forwarded(envelope: Envelope, province: str, keys: Keys) -> Envelope:
    """The city's own envelope inside the province's, its signature checked. Raises ``MessageError``."""
    return open_envelope(envelope.body, province, keys)
