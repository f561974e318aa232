"""As whom the server runs.

PostgreSQL refuses to run as root. An ordinary user runs it as itself. Root runs it, in this order:

1. as the owner of the directory, where that is an ordinary user: whose home it is can start it too;
2. as root outside and ``nobody`` inside a user namespace, which needs no change of ownership;
3. as ``nobody`` in truth, the data made over to it, where namespaces are refused (containers and
   chroots do); and where the way to the programs or the data is closed to others, as in /root,
   with the one right of root's that opens it: to search directories, or, where a container has not
   even that, to pass over permissions.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from service.postgres.errors import DatabaseError

# Run after the signal of the parent's death has been asked for: if the parent died before that,
# nobody would ever send it, so who is the parent now is looked at once more.
STILL_CHILD = '[ "$PPID" = "$0" ] || exit 1; exec "$@"'


@dataclass(frozen=True)
class Identity:
    """A user by number, and the words that make a program run as it."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()
    privileged: bool = False
    """Whether its programs keep a right of root's, which no other process of this user has."""

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

    Raises DatabaseError for an ordinary user before another's directory, for root before the
    directory of a user who cannot run the programs, and for a root with no way to be somebody else.
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
        if candidate.uid not in (0, _nobody_uid()):
            # No right of root's for a server whose socket is an ordinary user's: through it the
            # user would read what only root may.
            raise DatabaseError(
                f"The database in {directory} belongs to {_name(candidate.uid)}, who may not run"
                f" {postgres}.",
                "Set ONECARD_PG_BIN to programs that this user may run, or put the project where"
                " the user may go.",
            )
    raise DatabaseError(
        "PostgreSQL does not run as root, and here root may neither enter a user namespace nor"
        " become nobody.",
        f"Run the command as an ordinary user who owns {directory.parent}.",
    )


def _candidates(owner: os.stat_result) -> list[Identity]:
    # initdb wants a name for the user; a bare number, as in a bind mount, has none.
    if owner.st_uid not in (0, _nobody_uid()) and _passwd(owner.st_uid) is not None:
        return [Identity(owner.st_uid, owner.st_gid, _become(owner.st_uid, owner.st_gid))]
    nobody = _passwd("nobody")
    if nobody is None:
        return []
    uid, gid = nobody.pw_uid, nobody.pw_gid
    inside = ("unshare", "--user", f"--map-user={uid}", f"--map-group={gid}", "--")
    return [
        Identity(0, 0, inside),
        Identity(uid, gid, _become(uid, gid)),
        Identity(uid, gid, _become(uid, gid, "dac_read_search"), privileged=True),
        Identity(uid, gid, _become(uid, gid, "dac_override"), privileged=True),
    ]


def _nobody_uid() -> int:
    entry = _passwd("nobody")
    return entry.pw_uid if entry else -1


def _become(uid: int, gid: int, right: str | None = None) -> tuple[str, ...]:
    user = (f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs")
    if right is None:
        return ("setpriv", *user, "--")
    # PostgreSQL looks for itself with access(2), which leaves such rights out of account for
    # whoever is not root, unless the process was told not to tie rights to the user's number.
    kept = ("--securebits=+no_setuid_fixup", f"--inh-caps=-all,+{right}")
    return ("setpriv", *user, *kept, f"--ambient-caps=-all,+{right}", "--")


def _works(identity: Identity, directory: Path, postgres: Path) -> bool:
    """Whether this identity can run the server, which must find itself, and reach the directory."""
    probe = identity.command(
        "sh", "-c", '"$0" --version && test -x "$1"', str(postgres), str(directory)
    )
    try:
        answer = subprocess.run(probe, capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.returncode == 0 and b"invalid binary" not in answer.stderr


def _passwd(who: str | int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(who) if isinstance(who, str) else pwd.getpwuid(who)
    except KeyError:
        return None


def _name(uid: int) -> str:
    entry = _passwd(uid)
    return entry.pw_name if entry else f"user {uid}"
