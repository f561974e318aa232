"""The command line: what is printed, exit codes, and that everything is documented."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from service import cli
from service.cli import COMMANDS
from service.cli import onecard as program
from tests.service.conftest import PROGRAM, Answer

DOCUMENT = Path(__file__).parents[2] / "docs" / "commands.md"
VECTORS = Path(__file__).parents[1] / "data" / "crypto" / "vectors.json"

KEY = "00112233445566778899AABBCCDDEEFF"
DATA = "000000C8067100030100010000002A20240115083015"


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (
            ("des", KEY, "--factor", "7100FF0000000000", "--factor", "7100000000000001", DATA),
            "CC583207",
        ),
        (("DES", "3BB7F98E0560A6D3A18929ABE1B42B99", DATA), "CC583207"),
        (("des", KEY.lower(), "--factor", "7100ff0000000000", DATA), None),
        (("sm4", KEY, "--factor", "0000000002017910", DATA, "--fold", "xor"), None),
    ],
)
def test_tac(onecard: Callable[..., Answer], words: tuple[str, ...], printed: str | None) -> None:
    algorithm, key, *rest = words
    data = next(word for word in rest if word == DATA)
    rest.remove(data)
    answer = onecard("tac", "--algorithm", algorithm, "--key", key, *rest, "--data", data)
    assert answer.code == 0
    assert re.fullmatch("[0-9A-F]{8}\n", answer.out)
    assert printed is None or answer.out == printed + "\n"


def test_macs_of_session_keys_are_the_published_ones(onecard: Callable[..., Answer]) -> None:
    key, macs = "", 0
    for entry in json.loads(VECTORS.read_text())["pboc_epurse"]:
        if entry["op"].endswith("session key"):
            key = entry["expect"]
            continue
        answer = onecard("tac", "--algorithm", "des", "--key", key, "--data", entry["in"])
        assert (answer.code, answer.out) == (0, entry["expect"] + "\n"), entry["op"]
        macs += 1
    assert macs == 4


@pytest.mark.parametrize(
    "words",
    [
        ("tac", "--algorithm", "des", "--key", "0", "--data", "00"),
        ("tac", "--algorithm", "rot13", "--key", KEY, "--data", "00"),
        ("tac", "--algorithm", "des", "--key", KEY),
        ("fare", "--tariff", "xian/metro", "--on", "yesterday"),
        ("settle", "--date", "2026-13-01", "--home", "x"),
        ("submit", "--home", "x"),
        ("submit", __file__),
        ("submit", __file__, "--home", "x", "--url", "http://127.0.0.1:1"),
        ("submit", __file__, "--url", "http://127.0.0.1:1"),
        ("submit", __file__, "--home", "x", "--enrol"),
        ("report", "--date", "2026-01-05", "--home", "x", "--format", "xml"),
        ("operator", "add", "--home", "x", "--code", " ", "--mode", "bus"),
        ("nothing",),
    ],
)
def test_misuse_is_exit_code_2(onecard: Callable[..., Answer], words: tuple[str, ...]) -> None:
    answer = onecard(*words)
    assert answer.code == 2, answer
    assert answer.out == ""
    assert "Traceback" not in answer.err
    assert KEY not in answer.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("init", "--home", "TMP", "--city", "Atlantis"), "no city 'Atlantis'"),
        (("submit", __file__, "--home", "TMP"), "no node's home"),
        (("submit", __file__, "--home", "TMP", "--profile", "mars"), "no profile 'mars'"),
        (("submit", __file__, "--url", "http://127.0.0.1:1", "--api-key", "k"), "does not answer"),
        (("submit", __file__, "--url", "http://[::1", "--api-key", "k"), "does not answer"),
        (("submit", __file__, "--url", "http://127.0.0.1:99999", "--api-key", "k"), "no such port"),
        (("submit", __file__, "--url", "http://127.0.0.1:1", "--api-key", "钥"), "no key has"),
        (("fare", "--tariff", "xian/metor", "--on", "2026-01-05"), "no tariff named"),
        (("explain", "1:2", "--home", "TMP"), "no node's home"),
        (("init", "--home", f"{__file__}/home"), "cannot be made"),
    ],
)
def test_failure_is_exit_code_1_with_a_remedy(
    onecard: Callable[..., Answer], tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    answer = onecard(*(str(tmp_path) if word == "TMP" else word for word in words))
    assert answer.code == 1, answer
    first, remedy = answer.err.splitlines()
    assert first.startswith("onecard: ")
    assert sentence in first
    assert remedy.startswith("  ")


def test_database_away_is_one_sentence(
    onecard: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONECARD_DSN", "postgresql://nobody:secret@127.0.0.1:1/none")
    answer = onecard("init", "--home", tmp_path / "home")
    assert answer.code == 1
    assert "does not answer" in answer.err
    assert "secret" not in answer.err
    assert "Traceback" not in answer.err


def test_a_defect_is_no_traceback_either(
    onecard: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("7 / 0")

    monkeypatch.setattr(cli.onecard, "main", fail)
    answer = onecard("fare")
    assert answer.code == 1
    assert "defect of onecard's (ZeroDivisionError: 7 / 0)" in answer.err
    assert "ONECARD_DEBUG=1" in answer.err


def test_ctrl_c_is_quiet(onecard: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.onecard, "main", interrupt)
    answer = onecard("fare")
    assert (answer.code, answer.err.splitlines()[0]) == (130, "onecard: Stopped.")


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("from,to\n" + "北大街,钟楼\n" * 50_000)
    words = [
        *PROGRAM,
        "fare",
        "--tariff",
        "xian/metro",
        "--on",
        "2026-01-05",
        "--pairs",
        str(pairs),
    ]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b"from,to,fare_fen\n"
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) in {1, -signal.SIGPIPE}
    assert said == b""


def test_fare(onecard: Callable[..., Answer], tmp_path: Path) -> None:
    ride = ("--tariff", "xian/metro", "--on", "2026-01-05T08:00:00")
    one = onecard("fare", *ride, "--from", "北大街", "--to", "钟楼", "--card", "ordinary")
    assert one.code == 0
    assert one.out.startswith("180 fen (1.80 yuan), ordinary; before discounts 200 fen;")
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("\ufefffrom,to\n北大街,钟楼\n钟楼,北大街\n", "utf-8")
    many = onecard("fare", *ride, "--pairs", pairs)
    assert many.out == "from,to,fare_fen\n北大街,钟楼,200\n钟楼,北大街,200\n"
    text = onecard("fare", *ride, "--pairs", pairs, "--format", "text", "--card", "student")
    assert text.out.splitlines()[0] == "北大街 → 钟楼  1.00 yuan"


def test_help_needs_no_engine() -> None:
    """``onecard --help`` answers without importing what commands need."""
    script = (
        "import sys; from service import cli; cli.run(['--help']);"
        "print([name for name in ('asyncpg', 'litestar', 'clearing.engine') if name in sys.modules])"
    )
    words = [PROGRAM[0], "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={**os.environ})
    assert "submit" in done.stdout
    assert "litestar" not in done.stdout.splitlines()[-1]
    assert "clearing.engine" not in done.stdout.splitlines()[-1]


def _options() -> Iterator[tuple[str, str]]:
    """(command, option or argument) of everything on the command line."""

    def walk(path: str, command: click.Command) -> Iterator[tuple[str, str]]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None
                yield from walk(f"{path} {name}".strip(), found)
            return
        yield path, ""
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                yield from ((path, word) for word in parameter.opts if word.startswith("--"))
            else:
                yield path, parameter.metavar or parameter.name or ""

    yield from walk("", program)


@pytest.mark.parametrize(("command", "word"), list(_options()))
def test_every_command_and_option_is_documented(command: str, word: str) -> None:
    sections = re.split(r"(?m)^## ", DOCUMENT.read_text())
    section = next((s for s in sections if s.startswith(f"onecard {command}\n")), None)
    assert section is not None, f"docs/commands.md has no section: ## onecard {command}"
    assert word in section


def test_the_document_knows_no_other_command() -> None:
    titles = re.findall(r"(?m)^## onecard (.+)$", DOCUMENT.read_text())
    assert sorted(titles) == sorted({command for command, word in _options() if not word})
    assert {title.split()[0] for title in titles} == set(COMMANDS)
