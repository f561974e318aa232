"""One process's hold on the server: while it lasts the server runs; without any, it stops.

Everything here waits without an event loop; ``service.database`` calls it from a thread.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from service.postgres import supervisor
from service.postgres.errors import DatabaseError

if TYPE_CHECKING:
    from service.postgres.binaries import Binaries
    from service.postgres.cluster import Layout

# Recovery after a crash reads what was written since the last checkpoint, 4 GB at most.
READY_WAIT_S = 600.0
STOP_WAIT_S = 120.0
ATTEMPTS = 5

# A bare interpreter knows neither the virtual environment nor this project: it is told where we lie.
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    "from service.postgres.supervisor import main; main(sys.argv[2:])"
)


@dataclass
class Attachment:
    """An open line to the supervisor."""

    line: socket.socket
    sockets: Path
    log: Path
    pid: int

    def check(self) -> None:
        """Raises DatabaseError when the supervisor has given up or is gone."""
        # Not MSG_DONTWAIT: a socket with a time-out waits all the same.
        self.line.setblocking(False)
        try:
            said = self.line.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if said:
            raise told(said)
        raise DatabaseError("The database was stopped.", f"The end of {self.log} says more.")

    def leave(self) -> None:
        """Lets go. The last to leave waits until the server has stopped; others leave at once."""
        try:
            self.line.shutdown(socket.SHUT_WR)
            self.line.settimeout(STOP_WAIT_S)
            while self.line.recv(512):
                pass
        except OSError:
            # The supervisor is gone already, or takes longer than we wait: it needs us no more.
            pass
        finally:
            self.line.close()

    def abandon(self) -> None:
        """Lets go without waiting for anything."""
        self.line.close()


def attach(layout: Layout, binaries: Binaries) -> Attachment:
    """Uses the server of this home, which is started if nobody has yet.

    Raises DatabaseError when it cannot be started.
    """
    prepare(layout)
    give_up_at = time.monotonic() + READY_WAIT_S
    starts = 0
    while starts <= ATTEMPTS and time.monotonic() < give_up_at:
        line = knock(layout)
        if line is not None:
            attachment = wait_ready(*line, layout.log)
            if attachment is not None:
                return attachment
        elif is_free(layout):
            starts += 1
            start_supervisor(layout, binaries)
        else:
            # Another one starts or stops it at this moment.
            time.sleep(0.01)
    raise DatabaseError(
        f"The database in {layout.directory} does not stay up.",
        f"The end of {layout.log} may say why.",
    )


def prepare(layout: Layout) -> None:
    """Makes the directory, owned as the home is."""
    try:
        layout.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        home = layout.directory.parent.stat()
        made = layout.directory.stat()
        if os.geteuid() == 0 and made.st_uid == 0 and home.st_uid != 0 and not layout.data.exists():
            os.chown(layout.directory, home.st_uid, home.st_gid)
    except OSError as error:
        raise DatabaseError(
            f"The directory {layout.directory} cannot be made: {error.strerror}.",
            "Name a home in a place where you may write.",
        ) from error


def knock(layout: Layout) -> tuple[socket.socket, Path] | None:
    """A line to this home's supervisor, and the server's sockets; None where nobody listens."""
    place = supervisor.existing_directory(layout)
    if place is None:
        return None
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.connect(os.fspath(place / supervisor.CONTROL))
    except OSError:
        line.close()
        return None
    return line, place / supervisor.SERVER


def wait_ready(line: socket.socket, sockets: Path, log: Path) -> Attachment | None:
    """The attachment once the server is ready; None when the supervisor went away instead."""
    said = b""
    try:
        line.settimeout(READY_WAIT_S)
        while not said.endswith(b"\n"):
            more = line.recv(4096)
            if not more:
                line.close()
                return None
            said += more
    except TimeoutError as error:
        line.close()
        raise DatabaseError(
            f"The database did not come up within {READY_WAIT_S:.0f} s.",
            "It may still be recovering from a crash: wait, then run the command again.",
        ) from error
    except OSError:
        line.close()
        return None
    answer = json.loads(said)
    if "sentence" in answer:
        line.close()
        raise told(said)
    return Attachment(line, sockets, log, answer["pid"])


def is_free(layout: Layout) -> bool:
    """Whether no supervisor holds the directory at this moment."""
    try:
        descriptor = os.open(layout.lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def start_supervisor(layout: Layout, binaries: Binaries) -> None:
    """Returns when a supervisor listens, ours or one that was faster."""
    root = Path(__file__).resolve().parents[2]
    words = [os.fspath(layout.directory), os.fspath(binaries.directory), str(binaries.major)]
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", BOOT, os.fspath(root), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if answer.returncode == 0:
        return
    try:
        raise told(answer.stderr)
    except ValueError:
        last = answer.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise DatabaseError(
            f"The database in {layout.directory} cannot be started: {''.join(last)}",
            "This is a defect of onecard's: please report it.",
        ) from None


def told(said: bytes) -> DatabaseError:
    """The error that a supervisor put into a line of JSON; ValueError when it is none."""
    answer = json.loads(said)
    return DatabaseError(answer["sentence"], answer["remedy"])
