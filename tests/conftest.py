"""Real parts for the tests: a database file, a service, a server of its own process."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from fastmcp import Client
from fastmcp.client.transports import FastMCPTransport

from session_buddy_skills.app import build_app
from session_buddy_skills.embeddings.choosing import load_onnx
from session_buddy_skills.locations import PREFIX
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from tests.databases import TEMPLATE, migrated_file, postgresql_with_template
from tests.postgresql import PostgreSQL

NewSettings = Callable[..., Settings]
ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-m", "session_buddy_skills")


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(PREFIX):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """One PostgreSQL for the whole run; who stops it has one of its own."""
    with postgresql_with_template() as server:
        yield server


@pytest.fixture(scope="session")
def duckdb_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DuckDB file that has our schema, for others to be copied from."""
    return migrated_file(tmp_path_factory.mktemp("template"))


@pytest.fixture(params=["duckdb", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """What uses this runs on each engine."""
    return str(request.param)


@pytest.fixture
def new_settings(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest, duckdb_file: Path
) -> Iterator[NewSettings]:
    """Makes settings with a new database of the engine; empty ones have no schema yet."""
    server: PostgreSQL | None = None
    if engine == "postgresql":
        server = request.getfixturevalue("postgresql")
    clones: list[str] = []

    def new(name: str = "data", *, empty: bool = False) -> Settings:
        folder = tmp_path / name
        if server is None:
            made = Settings.load(data_dir=folder, embedder="none")
            if not empty:
                made.database_path.parent.mkdir(parents=True)
                shutil.copy(duckdb_file, made.database_path)
            return made
        clones.append(server.clone("template1" if empty else TEMPLATE))
        url = server.url(clones[-1])
        return Settings.load(data_dir=folder, database=url, embedder="none")

    yield new
    if server is not None:
        for clone in clones:
            server.drop(clone)


@pytest.fixture(scope="session")
def made_model(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The sentence model as int8 ONNX, made once by the process that a server starts for it.

    All workers of a run share it: it takes half a minute.
    """
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "made"
    folder.mkdir(exist_ok=True)
    settings = Settings.load(data_dir=folder)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asyncio.run(load_onnx(settings))
    [made] = settings.models_folder.iterdir()
    return made


@pytest.fixture
def settings(new_settings: NewSettings) -> Settings:
    return new_settings()


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    async with open_service(settings) as opened:
        yield opened


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[Client[FastMCPTransport]]:
    """An MCP client of a server in this process."""
    async with Client(build_app(settings)) as connected:
        yield connected


def environment(data_dir: Path, **variables: object) -> dict[str, str]:
    """The environment of a process of ours that keeps its data in this folder."""
    # Tests that are not of recommendations load no model.
    named = {
        f"{PREFIX}{name.upper()}": str(value)
        for name, value in {"embedder": "none", **variables}.items()
    }
    home = {"HOME": str(data_dir), "PATH": os.environ["PATH"]}
    return home | {f"{PREFIX}DATA_DIR": str(data_dir)} | named


def run_command(
    data_dir: Path, *arguments: str, **variables: object
) -> subprocess.CompletedProcess[str]:
    """Run `session-buddy-skills` to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(data_dir, **variables),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@dataclass
class ServerProcess:
    """A server of its own process, and where it listens."""

    process: subprocess.Popen[str]
    url: str
    data_dir: Path

    @property
    def errors(self) -> IO[str]:
        assert self.process.stderr is not None
        return self.process.stderr

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.errors.close()
        return code


def start_server(data_dir: Path, *, port: int = 0, **variables: object) -> ServerProcess:
    """Start `serve`, on a free port unless one is given, and wait until it listens."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", str(port)],
        env=environment(data_dir, **variables),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    if "MCP on " not in line:
        process.kill()
        _, errors = process.communicate()
        pytest.fail(f"the server did not start: {line}{errors}")
    return ServerProcess(process, line.split("MCP on ")[1].split("/mcp")[0], data_dir)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server for one test alone. It takes seconds to start: most do with one that is shared."""
    started = start_server(tmp_path / "server")
    yield started
    started.stop()


@pytest.fixture(scope="session")
def empty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server for all tests that leave it empty."""
    started = start_server(tmp_path_factory.mktemp("empty"))
    yield started
    started.stop()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server for all tests whose sessions and skills have names of their own."""
    started = start_server(tmp_path_factory.mktemp("shared"))
    yield started
    started.stop()
