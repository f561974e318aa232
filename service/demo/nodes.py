"""The three nodes of the demonstration: their homes, their server processes, their commands."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from clearing.keys.chains import ChainEntry, check_chain
from clearing.keys.port import Secret
from clearing.keys.signing import SigningKey
from clearing.keys.soft import MasterKey
from schemas import cities
from schemas.registry import KINDS, City, Issuer
from service.errors import ServiceError
from service.home import make_home, open_node
from service.registration import issued_card, register

START_WAIT_S: Final = 30.0
STOP_WAIT_S: Final = 60.0
_ONECARD: Final = (sys.executable, "-c", "from service.cli import main; main()")


class _Card(msgspec.Struct):
    """A card as the generator writes it."""

    family: int
    issuer: str
    serial: str
    card_kind: int
    expires: date
    offline_counter: int
    online_counter: int
    balance_fen: int
    closed: bool = False


class _Keys(msgspec.Struct):
    """A key set with its test master key, as the generator writes it."""

    issuer: str
    key_version: int
    key_index: int
    algorithm: str
    factors: tuple[str, ...]
    master_key: str
    city_code: str = ""


class _Operator(msgspec.Struct):
    """An operator's test keys, as the generator writes them."""

    operator: int
    api_key: str
    signing_key: str


class _Row(msgspec.Struct):
    kind: str
    row: msgspec.Raw


@dataclass
class DemoNode:
    """One node: ``area`` is its UnionPay area code, 0000 at the province."""

    area: str
    name: str
    home: Path
    url: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def is_province(self) -> bool:
        """Whether this is the province node."""
        return self.area == cities.PROVINCE

    # -- making ----------------------------------------------------------------------------------

    async def make(self, traffic: Path, opened_on: date) -> None:
        """Make the home with the generator's issuers and test keys."""
        city = None if self.is_province else cities.find(self.area)
        rows = [] if self.is_province else _rows(traffic / self.area)
        await make_home(
            self.home,
            city=city,
            opened_on=opened_on,
            issuers=[row for _, row in rows if isinstance(row, Issuer)] or None,
            master_keys=[] if self.is_province else _master_keys(traffic / self.area),
        )

    async def introduce(self, traffic: Path, peers: Sequence[DemoNode]) -> None:
        """Register operators, terminals, cards, and the public keys of all nodes."""
        known = [("city", peer.introduction()) for peer in peers]
        rows = [] if self.is_province else _rows(traffic / self.area)
        issuers = {row.issuer.upper(): row.number for _, row in rows if isinstance(row, Issuer)}
        path = traffic / self.area / "cards.jsonl"
        cards = msgspec.json.Decoder(_Card).decode_lines(path.read_bytes()) if rows else []
        async with open_node(self.home) as opened:
            await register(
                opened.dsn,
                [*rows, *known],
                [
                    issued_card(
                        issuer_number=issuers[card.issuer.upper()], **msgspec.structs.asdict(card)
                    )
                    for card in cards
                ],
            )

    def api_keys(self, traffic: Path) -> dict[int, str]:
        """The API keys of the node's operators, by number."""
        rows = (traffic / self.area / "operators.json").read_bytes()
        return {
            row.operator: row.api_key for row in msgspec.json.decode(rows, type=list[_Operator])
        }

    def introduction(self) -> City:
        """This node as the others register it."""
        key = SigningKey.load(self.home / "keys" / "node.pem").public.encode().hex()
        return City(
            city=self.area,
            name=self.name,
            public_key=key,
            payee_account=f"CN00DEMO{self.area}",
            payee_name=f"{self.name} clearing centre",
        )

    # -- running ---------------------------------------------------------------------------------

    def start(self, province_url: str) -> None:
        """Start ``onecard serve``, on the port it had before if it had one.

        It ends with this process, whatever ends this process.
        """
        port = int(self.url.rpartition(":")[2]) if self.url else _free_port()
        self.url = f"http://127.0.0.1:{port}"
        environment = os.environ | {
            "ONECARD_PROVINCE_URL": "" if self.is_province else province_url,
            "ONECARD_EXCHANGE_INTERVAL_S": "0.2",
            "ONECARD_LOG_FORMAT": "json",
            "ONECARD_REQUESTS_PER_S": "100000",
            "ONECARD_REQUESTS_BURST": "100000",
        }
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *_ONECARD, "serve", "--home", str(self.home),
                 "--port", str(port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
            )  # fmt: skip

    async def ready(self) -> None:
        """Wait until the server answers."""
        assert self.process is not None
        async with httpx.AsyncClient(trust_env=False) as client:
            for _ in range(int(START_WAIT_S / 0.1)):
                if self.process.poll() is not None:
                    break
                try:
                    if (await client.get(f"{self.url}/v1/health")).is_success:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)
        raise ServiceError(
            f"The server of {self.name} did not start.", f"See {self.home / 'server.log'}."
        )

    async def stop(self) -> None:
        """Tell the server to stop and wait for it."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            await asyncio.to_thread(self.process.wait, STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    async def command(self, *words: str) -> str:
        """Run ``onecard WORDS --home HOME`` at low priority; returns what it prints."""
        process = await asyncio.create_subprocess_exec(
            "nice", "-n", "10", *_ONECARD, *words, "--home", str(self.home),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"ONECARD_LOG_FORMAT": "json"},
        )  # fmt: skip
        out, errors = await process.communicate()
        if process.returncode:
            raise ServiceError(
                f"onecard {' '.join(words)} failed in {self.name}: {errors.decode().strip()[-2000:]}",
                out.decode().strip()[-2000:],
            )
        return out.decode()

    async def report(self, on: date) -> dict[str, Any]:
        """The node's report of a date."""
        text = await self.command("report", "--date", str(on), "--format", "json")
        return msgspec.json.decode(text, type=dict[str, Any])


def _rows(folder: Path) -> list[tuple[str, msgspec.Struct]]:
    lines = (folder / "registry.jsonl").read_bytes().splitlines()
    rows = [msgspec.json.decode(line, type=_Row) for line in lines]
    return [(row.kind, msgspec.json.decode(row.row, type=KINDS[row.kind])) for row in rows]


def _master_keys(folder: Path) -> list[MasterKey]:
    found = []
    for row in msgspec.json.decode((folder / "keys.json").read_bytes(), type=list[_Keys]):
        entry = ChainEntry(
            issuer=row.issuer,
            key_version=row.key_version,
            key_index=row.key_index,
            algorithm=row.algorithm,
            factors=row.factors,
            city_code=row.city_code,
        )
        chain = check_chain(entry, str(folder / "keys.json"), row.issuer)
        found.append(MasterKey(chain, Secret(bytes.fromhex(row.master_key)), test=True))
    return found


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
