"""PostgreSQL's data directory: made, configured, and looked at before a server is let at it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from service.postgres.errors import DatabaseError

if TYPE_CHECKING:
    from service.postgres.binaries import Binaries
    from service.postgres.identity import Identity

SUPERUSER = "onecard"
LOG_LIMIT_BYTES = 16 * 1024 * 1024
STOPPING_WAIT_S = 60.0
FOREIGN_WAIT_S = 3.0
UNFILLED_WAIT_S = 1.0

# A file, not options on the command line: a backup is restored with the settings it was made with.
CONFIGURATION = """\
# Written anew at each start. Your own settings go into 50-local.conf beside this file.

# Nobody reaches the server but through a directory that its owner alone may enter.
listen_addresses = ''
port = 5432
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700

# An acknowledged tap is on the disk. None of these is for sale.
fsync = on
synchronous_commit = on
full_page_writes = on
# Enough for a base backup and for recovery to a point in time.
wal_level = replica

# Bulk COPY: few, long checkpoints and log files that are used again.
shared_buffers = 256MB
wal_buffers = 64MB
max_wal_size = 4GB
min_wal_size = 512MB
checkpoint_timeout = 15min
maintenance_work_mem = 256MB
work_mem = 32MB
max_connections = 100
max_parallel_workers_per_gather = 2
max_parallel_maintenance_workers = 2
random_page_cost = 1.1
jit = off

timezone = 'Asia/Shanghai'
log_timezone = 'Asia/Shanghai'
client_encoding = UTF8

# Card numbers are personal data. Statements, their values and the rows they fail on go to the
# client that asked, never into a log.
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_parameter_max_length_on_error = 0
log_statement = none
log_min_duration_statement = -1
log_connections = off
log_checkpoints = off
log_autovacuum_min_duration = -1
log_line_prefix = '%m [%p] '
"""


@dataclass(frozen=True)
class Layout:
    """Where things lie in a node's home."""

    directory: Path

    @classmethod
    def of_home(cls, home: Path) -> Layout:
        """The layout of the database in a home, which need not be there yet."""
        return cls(home.resolve() / "database")

    @property
    def data(self) -> Path:
        """PostgreSQL's own directory."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """What the server and its supervisor say."""
        return self.directory / "server.log"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor for as long as it lives."""
        return self.directory / "supervisor.lock"

    @property
    def run(self) -> Path:
        """A file that names the directory of the sockets."""
        return self.directory / "run"


def make(layout: Layout, binaries: Binaries, identity: Identity) -> None:
    """Makes the data directory: UTF-8, locale C (bytes sort as bytes), pages with checksums.

    It gets its name when it is whole, so that a start that was killed half-way leaves nothing that
    looks like a database. Raises DatabaseError with what initdb said.
    """
    unfinished = layout.directory / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    identity.own(unfinished)
    command = identity.command(
        str(binaries.initdb),
        f"--pgdata={unfinished}",
        f"--username={SUPERUSER}",
        "--encoding=UTF8",
        "--locale=C",
        "--data-checksums",
        "--auth-local=trust",
        "--auth-host=reject",
        "--no-instructions",
    )
    answer = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=False, cwd="/"
    )
    if answer.returncode != 0:
        raise DatabaseError(
            f"The database in {layout.data} could not be made: {_last_line(answer.stderr)}.",
            "Mend what it names, then run the command again; nothing was left behind.",
        )
    with (unfinished / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("\n# What onecard sets, and after it what you set.\ninclude_dir = 'conf.d'\n")
    configurations = unfinished / "conf.d"
    configurations.mkdir(mode=0o700)
    identity.own(configurations)
    unfinished.rename(layout.data)
    _sync(layout.directory)


def configure(layout: Layout, identity: Identity, sockets: Path) -> None:
    """Writes the settings, with the directory of the sockets."""
    target = layout.data / "conf.d" / "10-onecard.conf"
    fresh = target.with_suffix(".new")
    fresh.write_text(CONFIGURATION.format(sockets=sockets), encoding="utf-8")
    identity.own(fresh)
    fresh.replace(target)


def guard_version(layout: Layout, binaries: Binaries) -> None:
    """Refuses, with a DatabaseError, data that another major version made."""
    made_by = (layout.data / "PG_VERSION").read_text(encoding="ascii").strip()
    if made_by != str(binaries.major):
        raise DatabaseError(
            f"The database in {layout.data} was made by PostgreSQL {made_by}, and the programs in"
            f" {binaries.directory} are PostgreSQL {binaries.major}.",
            f"Set ONECARD_PG_BIN to the programs of PostgreSQL {made_by}; to change the version,"
            " dump with the old one and restore with the new one.",
        )


def clear_stale(layout: Layout) -> None:
    """Removes what a killed server left, and waits for one that is still shutting down.

    Only for who holds the lock. PostgreSQL takes any process with the number in its own lock file
    for a server, even a zombie or a stranger that got the number since; here it counts only if it
    lives and works in this very directory. A server killed between making the file and filling it
    leaves it empty, which PostgreSQL refuses for ever. Raises DatabaseError when a server works
    there that nobody of ours started.
    """
    lock_file = layout.data / "postmaster.pid"
    began = time.monotonic()
    while lock_file.exists() and not "".join(_lines(lock_file)[:1]).strip().isdigit():
        if time.monotonic() - began > UNFILLED_WAIT_S:
            lock_file.unlink(missing_ok=True)
            return
        time.sleep(0.02)
    while (lines := _lines(lock_file)) and lines[0].isdigit():
        pid = int(lines[0])
        if not is_server(pid, layout.data):
            lock_file.unlink(missing_ok=True)
            return
        stopping = len(lines) >= 8 and lines[7].strip() == "stopping"
        waited = time.monotonic() - began
        if waited > (STOPPING_WAIT_S if stopping else FOREIGN_WAIT_S):
            raise DatabaseError(
                f"Another PostgreSQL, process {pid}, works on {layout.data}.",
                f"If it is yours, stop it (kill -INT {pid}), then run the command again.",
            )
        time.sleep(0.02)


def is_server(pid: int, data: Path) -> bool:
    """Whether a living process with this number is a PostgreSQL on this data directory."""
    process = Path("/proc", str(pid))
    try:
        state = (process / "stat").read_text(encoding="utf-8", errors="replace")
        if state.rpartition(")")[2].split()[0] in "ZX":
            return False
        command = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    # A server is called by its path; its children call themselves "postgres: what they do".
    if not Path(os.fsdecode(command[0].split(b":")[0])).name.startswith("postgres"):
        return False
    try:
        return (process / "cwd").readlink() == data.resolve()
    except OSError:
        # Another user's process hides where it works, not how it was called.
        return os.fsencode(data.resolve()) in command


def is_ready(layout: Layout, pid: int) -> bool:
    """Whether the server with this number says of itself that it takes connections."""
    lines = _lines(layout.data / "postmaster.pid")
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def rotate_log(layout: Layout) -> None:
    """Puts a long log aside; one old log is kept."""
    if layout.log.exists() and layout.log.stat().st_size > LOG_LIMIT_BYTES:
        layout.log.replace(layout.log.with_suffix(".log.1"))


def environment() -> dict[str, str]:
    """What the programs may know of ours: where programs lie, and no PG… setting."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C"}


def stop(process: subprocess.Popen[bytes], patience_s: float = 60.0) -> None:
    """Stops a server: in order, then at once (it recovers at its next start), then for good."""
    for signal_number, wait_s in (
        (signal.SIGINT, patience_s),
        (signal.SIGQUIT, 10.0),
        (signal.SIGKILL, 10.0),
    ):
        process.send_signal(signal_number)
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            continue
        return


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if "error" in line.lower() or "fatal" in line.lower()]
    return (told or lines or ["it said nothing"])[-1].rstrip(".")


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
