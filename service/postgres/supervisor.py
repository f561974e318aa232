"""The process beside the server: it starts it, holds it, and stops it after its last user.

It is started by ``attachment`` as a bare interpreter and goes into the background once its door,
a socket named ``control``, is open. Each user of the database keeps one connection to that door.

- When the server is ready, a user is told so in one line of JSON, or in the same way that it cannot
  be started (``sentence`` and ``remedy``).
- A user that ends, or closes its side, is gone. When the last one goes, the door is shut, the
  server stopped, and only then that last connection closed: whoever waits for its end knows that
  nothing runs any more.
- A server that dies although there are users is started again, but not for ever.

One thread only: the signal of the parent's death is bound to the thread that started the child.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from service.postgres import cluster, identity
from service.postgres.binaries import Binaries
from service.postgres.errors import DatabaseError

CONTROL = "control"
SERVER = "pg"
LONGEST_SOCKET_PATH = 107
FIRST_USER_WAIT_S = 10.0
MEMORY_IN_USE_WAIT_S = 60.0
RESTARTS = 5
RESTARTS_WITHIN_S = 60.0


def main(arguments: list[str]) -> NoReturn:
    """``DIRECTORY BINARIES MAJOR``: ends with 0 when a supervisor holds the directory."""
    layout = cluster.Layout(Path(arguments[0]))
    binaries = Binaries(Path(arguments[1]), int(arguments[2]))
    os.umask(0o077)
    try:
        lock = take_lock(layout)
        if lock is None:
            sys.exit(0)
        who = identity.choose(layout.directory, binaries.postgres)
        cluster.rotate_log(layout)
        supervisor = Supervisor(layout, binaries, who)
    except DatabaseError as error:
        refuse(error.sentence, error.remedy)
    except OSError as error:
        refuse(
            f"The database in {layout.directory} cannot be started: {error}.",
            "Mend what it names, then run the command again.",
        )
    if os.fork():
        # The lock goes with the child: both hold the same open file.
        os._exit(0)
    go_into_background(layout)
    supervisor.run()
    sys.exit(0)


def refuse(sentence: str, remedy: str) -> NoReturn:
    """Says to whoever started us why not."""
    sys.stderr.write(json.dumps({"sentence": sentence, "remedy": remedy}))
    sys.exit(1)


def take_lock(layout: cluster.Layout) -> int | None:
    """Locks the directory for this process; None when another supervisor holds it."""
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    identity.owner_of(layout.directory).own(layout.lock)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def go_into_background(layout: cluster.Layout) -> None:
    """Out of the terminal's reach: a Ctrl-C there is for the user of the database."""
    os.setsid()
    os.chdir("/")
    log = os.open(layout.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    identity.owner_of(layout.directory).own(layout.log)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(log)


class Supervisor:
    """One server, its users, and the loop between them."""

    def __init__(self, layout: cluster.Layout, binaries: Binaries, who: identity.Identity) -> None:
        """Opens the door; users may knock from now on, and wait."""
        self.layout = layout
        self.binaries = binaries
        self.who = who
        self.users: set[socket.socket] = set()
        self.server: subprocess.Popen[bytes] | None = None
        self.deaths: list[float] = []
        self.stopping = False
        self.place = socket_directory(layout, who)
        self.sockets = self.place / SERVER
        self.door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.door.bind(os.fspath(self.place / CONTROL))
        self.who.own(self.place / CONTROL)
        self.door.listen(128)
        self.door.setblocking(False)
        # Only now: who reads the name must find the door.
        write_whole(layout.run, os.fspath(self.place))
        identity.owner_of(layout.directory).own(layout.run)

    def run(self) -> None:
        """Until the last user is gone."""
        try:
            self.start_server()
            self.serve()
        except DatabaseError as error:
            self.tell_failure(error.sentence, error.remedy)
        except Exception as error:
            self.tell_failure(
                f"The database in {self.layout.directory} cannot be held: {error!r}.",
                f"The end of {self.layout.log} says more.",
            )
            raise
        finally:
            self.close()

    def start_server(self) -> None:
        """Makes the data where there is none, and starts a server on it until it is ready."""
        if not self.layout.data.exists():
            cluster.make(self.layout, self.binaries, self.who)
        cluster.guard_version(self.layout, self.binaries)
        self.who.own_all(self.layout.data)
        give_up_at = time.monotonic() + MEMORY_IN_USE_WAIT_S
        while not (said := self.try_server()).startswith("ready"):
            if self.server is not None and self.server.returncode < 0:
                self.count_death()
                continue
            # The last server was killed and a child of it has not noticed yet. It will.
            in_use = "shared memory block" in said and "still in use" in said
            if not in_use or time.monotonic() > give_up_at:
                raise DatabaseError(
                    f"PostgreSQL does not start on {self.layout.data}: {said}.",
                    f"The end of {self.layout.log} says more.",
                )
            time.sleep(0.1)

    def try_server(self) -> str:
        """``ready`` once it is, or the last thing that the server said before it ended."""
        cluster.clear_stale(self.layout)
        cluster.configure(self.layout, self.who, self.sockets)
        for left in self.sockets.glob(".s.PGSQL.*"):
            left.unlink()
        said_before = self.layout.log.stat().st_size
        command = self.who.held_command(
            os.fspath(self.binaries.postgres), "-D", os.fspath(self.layout.data)
        )
        self.server = subprocess.Popen(
            command, env=cluster.environment(), stdin=subprocess.DEVNULL, cwd="/"
        )
        while not cluster.is_ready(self.layout, self.server.pid):
            if self.server.poll() is not None:
                return last_words(self.layout.log, said_before)
            time.sleep(0.005)
        return "ready"

    def serve(self) -> None:
        """Lets users come and go, and looks after the server."""
        wake_up, wakes = os.pipe()
        for descriptor in (wake_up, wakes):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for stop_signal in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stop_signal, self.stop_soon)
        with selectors.DefaultSelector() as selector:
            selector.register(wake_up, selectors.EVENT_READ)
            selector.register(self.door, selectors.EVENT_READ)
            wait_s: float | None = FIRST_USER_WAIT_S
            while not self.stopping:
                events = selector.select(wait_s)
                # Nobody came: who started us died before it could knock.
                if not events and wait_s is not None:
                    self.stopping = True
                for key, _ in events:
                    if key.fileobj is self.door:
                        self.admit(selector)
                        wait_s = None
                    elif key.fd == wake_up:
                        with contextlib.suppress(BlockingIOError):
                            os.read(wake_up, 512)
                    else:
                        self.part(selector, key.fileobj)
                self.look_after_server()

    def admit(self, selector: selectors.BaseSelector) -> None:
        """Lets in everybody who waits at the door."""
        while True:
            try:
                user, _ = self.door.accept()
            except BlockingIOError:
                return
            user.setblocking(False)
            self.users.add(user)
            selector.register(user, selectors.EVENT_READ)
            self.tell(user, {"pid": self.server_pid()})

    def part(self, selector: selectors.BaseSelector, user: object) -> None:
        """A user has ended or closed its side; the last one is kept until the server is down."""
        assert isinstance(user, socket.socket)
        with contextlib.suppress(ConnectionError):
            if user.recv(512):
                return
        selector.unregister(user)
        if len(self.users) == 1:
            # Somebody may stand at the door at this moment.
            self.admit(selector)
        if len(self.users) == 1:
            self.stopping = True
            return
        self.users.discard(user)
        user.close()

    def look_after_server(self) -> None:
        """Starts the server again when it died under its users."""
        if self.stopping or self.server is None or self.server.poll() is None:
            return
        self.count_death()
        self.start_server()

    def count_death(self) -> None:
        """Raises DatabaseError when there is no point in starting it once more."""
        now = time.monotonic()
        self.deaths = [then for then in self.deaths if then > now - RESTARTS_WITHIN_S] + [now]
        if len(self.deaths) > RESTARTS:
            raise DatabaseError(
                f"PostgreSQL ended {len(self.deaths)} times within {RESTARTS_WITHIN_S:.0f} s.",
                f"The end of {self.layout.log} may say why.",
            )

    def stop_soon(self, *_: object) -> None:
        """A signal asked us to end, users or not."""
        self.stopping = True

    def server_pid(self) -> int:
        """The server's process number."""
        assert self.server is not None
        return self.server.pid

    def tell_failure(self, sentence: str, remedy: str) -> None:
        """Says to everybody, those at the door included, why there is no database."""
        # Who started us may be slower to knock than we are to fail.
        self.door.settimeout(0 if self.users else FIRST_USER_WAIT_S)
        with contextlib.suppress(BlockingIOError, TimeoutError):
            while True:
                self.users.add(self.door.accept()[0])
                self.door.settimeout(0)
        for user in self.users:
            self.tell(user, {"sentence": sentence, "remedy": remedy})

    def tell(self, user: socket.socket, words: dict[str, object]) -> None:
        """One line; a user that is gone by now is noticed elsewhere."""
        with contextlib.suppress(OSError):
            user.sendall(json.dumps(words).encode() + b"\n")

    def close(self) -> None:
        """Shuts the door, stops the server, leaves no file outside the home, lets users go."""
        self.door.close()
        if self.server is not None and self.server.poll() is None:
            cluster.stop(self.server)
        self.layout.run.unlink(missing_ok=True)
        shutil.rmtree(self.place, ignore_errors=True)
        for user in self.users:
            user.close()


def socket_directory(layout: cluster.Layout, who: identity.Identity) -> Path:
    """A new directory for the sockets, for its owner only, with a path that is short enough.

    A socket's path may have 107 bytes, so it cannot lie in the home. The supervisor's door lies in
    it, the server's socket one deeper, so that a server with a right of root's is behind a
    directory of root's, which other processes of its user cannot pass. What a killed supervisor
    left is taken again, so that its users find the server where it was.
    """
    place = existing_directory(layout) or new_directory()
    (place / CONTROL).unlink(missing_ok=True)
    (place / SERVER).mkdir(mode=0o700, exist_ok=True)
    who.own(place / SERVER)
    if who.privileged:
        os.chown(place, 0, 0)
    else:
        who.own(place)
    return place


def new_directory() -> Path:
    """Raises DatabaseError where there is no place for one."""
    problems = []
    for base in socket_bases():
        longest = base / "onecard-12345678" / SERVER / ".s.PGSQL.5432"
        if len(os.fsencode(longest)) > LONGEST_SOCKET_PATH:
            problems.append(f"{base} is too long")
            continue
        try:
            return Path(tempfile.mkdtemp(prefix="onecard-", dir=base))
        except OSError as error:
            problems.append(f"{base}: {error.strerror}")
    raise DatabaseError(
        f"There is no place for the database's socket ({'; '.join(problems)}).",
        "Set XDG_RUNTIME_DIR to a directory of yours with a short path.",
    )


def socket_bases() -> list[Path]:
    """Where to try, best first: what no cleaner empties before what one may."""
    named = [os.environ.get("XDG_RUNTIME_DIR"), "/run" if os.geteuid() == 0 else None]
    named += [os.environ.get("TMPDIR"), "/tmp"]  # noqa: S108  mkdtemp makes what we use in it
    return [Path(name) for name in named if name and Path(name).is_dir()]


def existing_directory(layout: cluster.Layout) -> Path | None:
    """The directory that the home's ``run`` names, if it can only be ours."""
    try:
        directory = Path(layout.run.read_text(encoding="utf-8"))
        status = directory.lstat()
        owners = {0, os.geteuid(), layout.directory.stat().st_uid}
        if layout.data.exists():
            owners.add(layout.data.stat().st_uid)
    except OSError:
        return None
    # Somebody else could have made a directory of this name after a restart of the machine.
    ours = status.st_uid in owners and status.st_mode & 0o170777 == 0o040700
    return directory if ours else None


def write_whole(path: Path, text: str) -> None:
    """Writes a small file so that a reader finds the old one or the new one."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def last_words(log: Path, since: int) -> str:
    """The last complaint in the log after a position, without its time and process number."""
    with log.open("rb") as file:
        file.seek(since)
        lines = file.read().decode("utf-8", "replace").splitlines()
    told = [line for line in lines if "FATAL:" in line or "PANIC:" in line] or lines
    last = told[-1] if told else "it ended without a word"
    return last.partition("] ")[2].rstrip(".") or last.rstrip(".")
