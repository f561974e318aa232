"""Runs mutants: a copy of the tree, one sabotage, the tests that must notice it.

    python -m tests.mutants.run [NAME…]     all of them, or those whose names contain one of the words

The copy holds what git tracks and the compiled modules, nothing else; nothing of a mutant touches the
tree itself. The killing tests run once without any mutant, where they must pass, and then with each,
where one of them must fail: a mutant that cannot be imported or collected is broken, not killed. Writes
``evidence/mutants.json`` after a run of all.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from service.database import running
from tests.mutants.table import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parent.parent.parent
EVIDENCE = ROOT / "evidence" / "mutants.json"
PATIENCE_S = 240
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
_SUITE_FAILED = 1
"""pytest's exit code for tests that failed; the others say that it could not run them."""


class Broken(Exception):
    """A mutant, or the suite without one, does not run as it should."""


@dataclass(frozen=True)
class Result:
    """What became of a mutant. ``killed_by`` is the test that failed; empty: it survived."""

    name: str
    file: str
    why: str
    killed_by: str
    seconds: float


class Tree:
    """A copy of the tree that may be sabotaged."""

    def __init__(self, root: Path, dsn: str) -> None:
        self.root = root
        self._dsn = dsn
        self._clock_s = int(time.time())
        self._sound: set[tuple[str, ...]] = set()
        tracked = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
        ).stdout.decode()
        compiled = [path.relative_to(ROOT) for path in (ROOT / "clearing").glob("_*.so")]
        # The C that Cython wrote spares a mutant of a header the longer half of its build.
        compiled += [path.relative_to(ROOT) for path in (ROOT / "clearing").glob("_*.c")]
        for name in [*map(Path, filter(None, tracked.split("\0"))), *compiled]:
            if (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command in the copy, which imports from the copy only."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.root),
            "ONECARD_DSN": self._dsn,
            "ONECARD_OPTIMISATION": "-O0",
        }
        # A test may set these for itself; none of the run around this one may reach it.
        for name in ("TORTURE", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST"):
            environment.pop(name, None)
        try:
            return subprocess.run(
                [sys.executable, *words],
                cwd=self.root, env=environment, capture_output=True, text=True, check=False,
                timeout=PATIENCE_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise Broken(f"{' '.join(words)} took more than {PATIENCE_S} s") from error

    def _failing_test(self, tests: Sequence[str]) -> str:
        """The first of the tests that fails; empty where all pass."""
        words = ("-m", "pytest", "-x", "-q", "--tb=short", "-p", "no:cacheprovider", "-rfE", *tests)
        done = self._run(*words)
        if done.returncode == 0:
            return ""
        failed = _FAILED.search(done.stdout)
        if done.returncode != _SUITE_FAILED or failed is None:
            raise Broken(
                f"{' '.join(tests)} cannot run:\n{done.stdout[-2000:]}{done.stderr[-500:]}"
            )
        return failed[1]

    def check_sound(self, tests: tuple[str, ...]) -> None:
        """The tests pass without a mutant. Raises ``Broken``."""
        if tests not in self._sound:
            failed = self._failing_test(tests)
            if failed:
                raise Broken(f"{failed} fails without any mutant")
            self._sound.add(tests)

    @contextmanager
    def sabotaged(self, mutant: Mutant) -> Iterator[None]:
        """The mutant is in the copy, compiled if need be, and is gone afterwards."""
        path = self.root / mutant.file
        sound, found = path.read_bytes(), path.stat()
        text = sound.decode()
        if text.count(mutant.old) != 1:
            raise Broken(
                f"{mutant.name}: its text is {text.count(mutant.old)} times in {mutant.file}"
            )
        modules = [*(self.root / "clearing").glob("_*.so"), *(self.root / "clearing").glob("_*.c")]
        kept = {module: (module.read_bytes(), module.stat()) for module in modules}
        try:
            path.write_text(text.replace(mutant.old, mutant.new))
            # Byte code is told by time and size, so that each mutant needs a time of its own.
            self._clock_s += 2
            os.utime(path, (self._clock_s, self._clock_s))
            if mutant.compiled:
                self._build(mutant)
            yield
        finally:
            path.write_bytes(sound)
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
            if mutant.compiled:
                for module, (content, stat) in kept.items():
                    # A new file: the old one may still be mapped by a test that was left behind.
                    module.unlink()
                    module.write_bytes(content)
                    os.utime(module, ns=(stat.st_atime_ns, stat.st_mtime_ns))
                    module.chmod(stat.st_mode)

    def _build(self, mutant: Mutant) -> None:
        # What the mutant before left there would be taken for the newest.
        shutil.rmtree(self.root / "build", ignore_errors=True)
        done = self._run("setup.py", "--quiet", "build_ext", "--inplace")
        if done.returncode:
            raise Broken(f"{mutant.name} does not compile:\n{done.stderr[-2000:]}")

    def hunt(self, mutant: Mutant) -> Result:
        """Run a mutant's killing tests with it and without it. Raises ``Broken``."""
        self.check_sound(mutant.killed_by)
        started = time.monotonic()
        with self.sabotaged(mutant):
            killer = self._failing_test(mutant.killed_by)
        seconds = round(time.monotonic() - started, 1)
        return Result(mutant.name, mutant.file, mutant.why, killer, seconds)


@contextmanager
def copied_tree(dsn: str) -> Iterator[Tree]:
    """A copy of the tree in a temporary directory; tests in it use the server of ``dsn``."""
    with tempfile.TemporaryDirectory(prefix="onecard-mutants-") as directory:
        yield Tree(Path(directory), dsn)


async def run(mutants: Sequence[Mutant], say: Callable[[str], None]) -> list[Result]:
    """Hunt mutants one after another, on one server; broken ones count as survivors, and say why."""
    results: list[Result] = []
    width = max(len(mutant.name) for mutant in mutants)
    with tempfile.TemporaryDirectory(prefix="onecard-mutants-home-") as home:
        async with running(Path(home)) as server:
            with copied_tree(server.dsn) as tree:
                for mutant in mutants:
                    try:
                        result = await asyncio.to_thread(tree.hunt, mutant)
                    except Broken as error:
                        say(str(error))
                        result = Result(mutant.name, mutant.file, mutant.why, "", 0.0)
                    results.append(result)
                    outcome = f"killed by {result.killed_by}" if result.killed_by else "SURVIVED"
                    say(f"{mutant.name:{width}}  {result.seconds:5.1f} s  {outcome}")
    return results


def write_evidence(results: Sequence[Result]) -> None:
    """``evidence/mutants.json``: the commit, how many were killed, each mutant's end."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    killed = sum(bool(result.killed_by) for result in results)
    found = {
        "commit": commit,
        "mutants": len(results),
        "killed": killed,
        "survived": [result.name for result in results if not result.killed_by],
        "results": [asdict(result) for result in results],
    }
    EVIDENCE.parent.mkdir(exist_ok=True)
    EVIDENCE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def main(words: Sequence[str]) -> int:
    """The command; its exit code is 1 where a mutant survived."""
    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    if not chosen:
        print(f"No mutant has {' or '.join(words)} in its name.")
        return 2
    results = asyncio.run(run(chosen, lambda text: print(text, flush=True)))
    if not words:
        write_evidence(results)
    killed = sum(bool(result.killed_by) for result in results)
    print(f"{killed} of {len(results)} mutants killed.")
    return 0 if killed == len(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
