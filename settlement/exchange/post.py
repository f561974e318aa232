"""The mail: numbers, acknowledgements, pulls. What a message says is no matter here.

Every function that takes a connection works in its caller's transaction, or is one statement.
"""

from typing import Final

import msgspec
import structlog

from clearing.keys.signing import PublicKey
from clearing.node import Node
from clearing.store import Connection
from schemas import exchange as words
from schemas.cities import PROVINCE
from schemas.exchange import (
    Acknowledgement,
    Code,
    Envelope,
    MessageError,
    MessageKind,
    PullRequest,
)
from settlement.exchange import codec, store
from settlement.exchange.codec import Keys
from settlement.exchange.errors import ExchangeError

log = structlog.get_logger(__name__)

PULLED_BYTES_MAX: Final = words.MESSAGE_BYTES_MAX
"""Envelopes of one answer to a pull, together; a single one may be as large as a message can be."""


async def read_keys(connection: Connection) -> Keys:
    """Public keys of every node in the registry."""
    cities = await store.read_cities(connection)
    return {
        city: PublicKey.decode(bytes.fromhex(row.public_key))
        for city, row in cities.items()
        if row.public_key
    }


async def send(
    connection: Connection,
    node: Node,
    receiver: str,
    kind: MessageKind,
    subject: str,
    body: bytes,
) -> int:
    """Write a message into the outbox, in the transaction of what it tells; returns its number.

    The same kind and subject again changes nothing and returns 0. Call it last in a transaction: the
    lock on the receiver's numbers lasts until the end of it.
    """
    number = await store.next_outgoing(connection, receiver)
    if await store.find_outgoing(connection, receiver, kind, subject) is not None:
        return 0
    envelope = codec.seal(node, receiver, number, kind, subject, body)
    if len(envelope) > words.MESSAGE_BYTES_MAX:
        raise ExchangeError(
            f"The {kind} {subject} has {len(envelope)} bytes, more than a message may have.",
            "Present in smaller parts.",
        )
    await store.add_outgoing(connection, receiver, number, kind, subject, envelope)
    return number


# -- receiving ---------------------------------------------------------------------------------------


async def receive(connection: Connection, node: Node, data: bytes) -> Acknowledgement:
    """Store an envelope that came in; the signed answer to it. Call inside a transaction.

    Numbers are stored gapless and in order: one that is too high is refused and ``want`` names the
    number to send. The same envelope again is a duplicate, another one under its number is refused.
    What its body does wrong is said at once (bad schema, mismatch), and the message is stored all the
    same: its number is used, and whoever applies it will object.
    """
    try:
        envelope = codec.open_envelope(data, node.city, await read_keys(connection))
        if (envelope.sender == PROVINCE) == (node.city == PROVINCE):
            raise MessageError(Code.REFUSED, "cities and the province speak with each other only")
    except MessageError as error:
        log.warning("message refused", code=error.code.name, detail=error.detail)
        return _answer(node, _claimed_sender(data), 0, data, error)
    try:
        await _store(connection, envelope, data)
        codec.read_body(envelope)
    except _Gap as gap:
        return _answer(node, envelope.sender, envelope.number, data, gap, gap.want)
    except MessageError as error:
        return _answer(node, envelope.sender, envelope.number, data, error)
    return _answer(node, envelope.sender, envelope.number, data, None)


class _Gap(MessageError):
    def __init__(self, want: int) -> None:
        super().__init__(Code.REFUSED, f"gap: want {want}")
        self.want = want


async def _store(connection: Connection, envelope: Envelope, data: bytes) -> None:
    """Take an envelope in if it is the next one. Raises ``MessageError``: duplicate, refused."""
    await store.lock_sender(connection, envelope.sender)
    want = 1 + await store.last_incoming(connection, envelope.sender)
    if envelope.number > want:
        raise _Gap(want)
    if envelope.number < want:
        stored = await store.read_incoming(connection, envelope.sender, envelope.number)
        if stored == data:
            raise MessageError(Code.DUPLICATE, "it was received before")
        log.error("number used twice", sender=envelope.sender, number=envelope.number)
        raise MessageError(Code.REFUSED, "its number was used for another message")
    await store.add_incoming(connection, envelope, data)


def _claimed_sender(data: bytes) -> str:
    """Whom to answer where an envelope could not be opened; nobody, as 0000 with number 0."""
    try:
        return words.decode_versioned(data, Envelope).sender
    except MessageError:
        return PROVINCE


def _answer(
    node: Node,
    receiver: str,
    number: int,
    data: bytes,
    error: MessageError | None,
    want: int = 0,
) -> Acknowledgement:
    unsigned = Acknowledgement(
        sender=node.city,
        receiver=receiver,
        number=number,
        digest=words.digest_of(data),
        code=Code.ACCEPTED if error is None else error.code,
        want=want,
        detail="" if error is None else error.detail[:256],
    )
    signature = node.signing.sign(words.signing_input(unsigned))
    return msgspec.structs.replace(unsigned, signature=signature)


# -- acknowledgements --------------------------------------------------------------------------------


async def open_acknowledgement(
    connection: Connection, node: Node, sent: bytes, data: bytes
) -> Acknowledgement:
    """The receiver's answer to an envelope that we sent, signed by it. Raises ``MessageError``."""
    acknowledgement = words.decode_versioned(data, Acknowledgement)
    codec.check_signature(acknowledgement, await read_keys(connection))
    envelope = words.decode(sent, Envelope)
    if acknowledgement.sender != envelope.receiver or acknowledgement.receiver != node.city:
        raise MessageError(Code.BAD_HEADER, "the acknowledgement is between others")
    if acknowledgement.digest != words.digest_of(sent):
        raise MessageError(Code.BAD_HEADER, "the acknowledgement is of another envelope")
    return acknowledgement


# -- pulls -------------------------------------------------------------------------------------------


async def make_pull(connection: Connection, node: Node, peer: str) -> bytes:
    """A signed request for the peer's messages after the last one that is stored here.

    The counter is durable before the request leaves: call it in a transaction of its own.
    """
    unsigned = PullRequest(
        sender=node.city,
        receiver=peer,
        counter=await store.raise_counter(connection, peer),
        after=await store.last_incoming(connection, peer),
    )
    signature = node.signing.sign(words.signing_input(unsigned))
    return words.encode(msgspec.structs.replace(unsigned, signature=signature))


async def answer_pull(connection: Connection, node: Node, data: bytes) -> list[bytes]:
    """The envelopes that a city asks for; those before them are acknowledged. One transaction.

    A counter that was used gets a signed refusal instead, which names the one to go on from: so a
    city that comes back from a backup finds its way, and a request that was overheard is worth
    nothing. Raises ``MessageError``: bad header, version; refused (unknown city, a number that was
    never sent).
    """
    request = words.decode_versioned(data, PullRequest)
    if request.receiver != node.city:
        raise MessageError(Code.BAD_HEADER, f"it is for {request.receiver}, not for {node.city}")
    codec.check_signature(request, await read_keys(connection))
    used = await store.note_counter(connection, request.sender, request.counter)
    if request.counter <= used:
        error = MessageError(Code.REFUSED, f"counter {request.counter} was used")
        refusal = _answer(node, request.sender, request.counter, data, error, used + 1)
        return [words.encode(refusal)]
    if request.after > await store.last_outgoing(connection, request.sender):
        raise MessageError(Code.REFUSED, f"number {request.after} was never sent")
    await store.acknowledge_up_to(connection, request.sender, request.after)
    return await store.read_outgoing_after(
        connection, request.sender, request.after, PULLED_BYTES_MAX
    )


async def was_refused(
    connection: Connection, node: Node, peer: str, request: bytes, answer: list[bytes]
) -> bool:
    """Whether a pull was refused for its counter; then our next one goes on from the peer's."""
    if len(answer) != 1:
        return False
    try:
        refusal = words.decode_versioned(answer[0], Acknowledgement)
        codec.check_signature(refusal, await read_keys(connection))
    except MessageError:
        return False
    if refusal.sender != peer or refusal.digest != words.digest_of(request):
        return False
    log.warning("pull refused", receiver=peer, node=node.city, want=refusal.want)
    await store.skip_counters(connection, peer, refusal.want)
    return True
