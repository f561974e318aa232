"""A link that does everything a link can do wrong, as a seed says, and nodes that die in mid-round."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import msgspec

from clearing.errors import ClearingError
from settlement.exchange.errors import LinkDown
from tests.settlement.exchange.cities import DirectLink, Exchange, Place


class FaultyLink(DirectLink):
    """The province, badly connected. It keeps what it heard and says it again when it likes."""

    def __init__(self, place: Place, rng: random.Random, badness: float) -> None:
        super().__init__(place)
        self.rng, self.badness = rng, badness
        self.cut = 0
        self.envelopes: list[bytes] = []
        self.requests: list[bytes] = []
        self.answers: list[bytes] = []
        self.seen: dict[str, int] = {}

    def _fault(self, *names: str) -> str:
        """What goes wrong this time; the empty name is nothing."""
        if self.cut:
            self.cut -= 1
            raise LinkDown("The line is cut.")
        if self.rng.random() >= self.badness:
            return ""
        name = self.rng.choice(names)
        self.seen[name] = self.seen.get(name, 0) + 1
        if name == "cut":
            self.cut = self.rng.randrange(1, 6)
        if name in ("cut", "lose"):
            raise LinkDown("Nothing came back.")
        return name

    def _flipped(self, data: bytes) -> bytes:
        """The same with one bit changed somewhere."""
        at = self.rng.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << self.rng.randrange(8)]) + data[at + 1 :]

    async def post(self, envelope: bytes) -> bytes:
        fault = self._fault(
            "lose", "lose answer", "double", "late", "old", "flip", "flip answer", "cut"
        )
        self.envelopes.append(envelope)
        match fault:
            case "late":
                # It arrives, if at all, when an old one is said again.
                raise LinkDown("It is on its way.")
            case "old":
                await super().post(self.rng.choice(self.envelopes))
            case "double":
                await super().post(envelope)
            case "flip":
                return await super().post(self._flipped(envelope))
        answer = await super().post(envelope)
        if fault == "lose answer":
            raise LinkDown("The acknowledgement was lost.")
        return self._flipped(answer) if fault == "flip answer" else answer

    async def pull(self, request: bytes) -> bytes:
        fault = self._fault(
            "lose", "lose answer", "double", "old request", "old answer",
            "reorder", "hole", "flip", "flip answer", "cut",
        )  # fmt: skip
        self.requests.append(request)
        match fault:
            case "old request":
                return await super().pull(self.rng.choice(self.requests))
            case "old answer" if self.answers:
                return self.rng.choice(self.answers)
            case "flip":
                return await super().pull(self._flipped(request))
            case "double":
                await super().pull(request)
        answer = await super().pull(request)
        self.answers.append(answer)
        return self._spoilt(answer, fault)

    def _spoilt(self, answer: bytes, fault: str) -> bytes:
        if fault == "lose answer":
            raise LinkDown("The messages were lost.")
        if fault == "flip answer":
            return self._flipped(answer)
        envelopes: list[bytes] = msgspec.msgpack.decode(answer)
        if fault == "reorder":
            self.rng.shuffle(envelopes)
        elif fault == "hole" and envelopes:
            del envelopes[self.rng.randrange(len(envelopes))]
        return msgspec.msgpack.encode(envelopes)


async def stumble(
    exchange: Exchange, links: dict[str, FaultyLink], rng: random.Random, rounds: int
) -> None:
    """Rounds over bad links; some are cut off anywhere in the middle, some engines die after one."""
    for _ in range(rounds):
        place = rng.choice(exchange.places)
        moments = rng.randrange(60) if rng.random() < 0.3 else None
        with suppress(ClearingError):
            await _round(place, links.get(place.city), moments)
        if moments is not None and rng.random() < 0.2:
            await place.restart()


async def _round(place: Place, link: FaultyLink | None, moments: int | None) -> None:
    """A round, killed after so many turns of the loop: at any point between a commit and its answer."""
    task = asyncio.create_task(place.round(link))
    if moments is not None:
        for _ in range(moments):
            await asyncio.sleep(0)
        # A turn may be shorter than the database's answer.
        await asyncio.sleep(moments / 5_000)
        task.cancel()
    with suppress(asyncio.CancelledError):
        await task
