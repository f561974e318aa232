"""As whom the server runs.

PostgreSQL refuses to run as root. An ordinary user runs it as itself. Root runs it, in this order:

1. as the owner of the directory, where that is an ordinary user: whose home it is can start it too;
2. as root outside and ``nobody`` inside a user namespace, which needs no change of ownership;
3. as ``nobody`` in truth, the data made over to it, where namespaces are refused (containers and
   chroots do); and with the right to search directories, where its way there is closed to others.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from service.postgres.errors import DatabaseError

SEARCH = "-all,+dac_read_search"

# Run after the signal of the parent's death has been asked for: if the parent died before that,
# nobody would ever send it, so who is the parent now is looked at once more.
STILL_CHILD = '[ "$PPID" = "$0" ] || exit 1; exec "$@"'


@dataclass(frozen=True)
class Identity:
    """A user by number, and the words that make a program run as it."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()

    def command(self, *words: str) -> list[str]:
        """The words of a program that runs as this identity."""
        return [*self.prefix, *words]

    def held_command(self, *words: str) -> list[str]:
        """The same, for a child that gets SIGINT when the thread that starts it ends.

        The signal is asked for last of all: a change of user or capabilities forgets it.
        """
        held = ("setpriv", "--pdeathsig", "INT", "sh", "-c", STILL_CHILD, str(os.getpid()))
        return [*self.prefix, *held, *words]

    def own(self, path: Path) -> None:
        """Makes over one file or directory, where we are root and it is another's."""
        if os.geteuid() == 0 and path.lstat().st_uid != self.uid:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def own_all(self, path: Path) -> None:
        """Makes over a whole directory: the way of running may differ from the last time's."""
        if os.geteuid() != 0 or path.lstat().st_uid == self.uid:
            return
        for parent, directories, files in os.walk(path):
            for name in (*directories, *files):
                self.own(Path(parent, name))
        # Last, so that a walk that was cut short is walked again.
        self.own(path)


def owner_of(directory: Path) -> Identity:
    """Who owns the files beside the data: the owner of the directory itself."""
    status = directory.stat()
    return Identity(status.st_uid, status.st_gid)


def choose(directory: Path, postgres: Path) -> Identity:
    """As whom to run a server whose files lie in ``directory``.

    Raises DatabaseError for an ordinary user before another's directory, and for a root who has no
    way left to be somebody else.
    """
    owner = directory.stat()
    if os.geteuid() != 0:
        if owner.st_uid != os.geteuid():
            raise DatabaseError(
                f"The database in {directory} belongs to {_name(owner.st_uid)}, not to you.",
                "Run the command as that user.",
            )
        return Identity(owner.st_uid, owner.st_gid)
    for candidate in _candidates(owner):
        if _works(candidate, directory, postgres):
            return candidate
    raise DatabaseError(
        "PostgreSQL does not run as root, and here root may neither enter a user namespace nor"
        " become nobody.",
        f"Run the command as an ordinary user who owns {directory.parent}.",
    )


def _candidates(owner: os.stat_result) -> list[Identity]:
    nobody = _passwd("nobody")
    if owner.st_uid != 0 and (nobody is None or owner.st_uid != nobody.pw_uid):
        # initdb wants a name for the user; a bare number, as in a bind mount, has none.
        with_name = _passwd(owner.st_uid)
        if with_name is not None:
            become = _become(owner.st_uid, owner.st_gid)
            return [Identity(owner.st_uid, owner.st_gid, become)]
    if nobody is None:
        return []
    uid, gid = nobody.pw_uid, nobody.pw_gid
    inside = ("unshare", "--user", f"--map-user={uid}", f"--map-group={gid}", "--")
    search = (f"--inh-caps={SEARCH}", f"--ambient-caps={SEARCH}")
    return [
        Identity(0, 0, inside),
        Identity(uid, gid, _become(uid, gid)),
        Identity(uid, gid, _become(uid, gid, *search)),
    ]


def _become(uid: int, gid: int, *more: str) -> tuple[str, ...]:
    return (
        "setpriv",
        f"--reuid={uid}",
        f"--regid={gid}",
        "--clear-groups",
        "--no-new-privs",
        *more,
        "--",
    )


def _works(identity: Identity, directory: Path, postgres: Path) -> bool:
    """Whether this identity can run the server and reach the directory."""
    probe = identity.command(
        "sh", "-c", '"$0" --version && test -x "$1"', str(postgres), str(directory)
    )
    try:
        return subprocess.run(probe, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _passwd(who: str | int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(who) if isinstance(who, str) else pwd.getpwuid(who)
    except KeyError:
        return None


def _name(uid: int) -> str:
    entry = _passwd(uid)
    return entry.pw_name if entry else f"user {uid}"
