"""PostgreSQL failing in earnest, under a server with callers that never stop.

Each test has a PostgreSQL of its own. Callers send a write again until it is answered.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import anyio
import httpx2
import psycopg
import pytest
from uuid_utils.compat import uuid7

from tests.conftest import ServerProcess, start_server
from tests.disk import small_disk
from tests.postgresql import PostgreSQL

pytestmark = pytest.mark.slow

CONNECT_SECONDS = 1.5
STATEMENT_SECONDS = 1.5
LONGEST_ANSWER = 12.0
"""Two groups, each of which waits for a connection, loses it, and waits for another."""
OURS = "FROM pg_stat_activity WHERE application_name LIKE 'session-buddy-skills %'"
CLOSE_OURS = f"SELECT pg_terminate_backend(pid) {OURS}"


@dataclass
class Callers:
    """What callers were told: ids that are stored, and sentences of refusal."""

    client: httpx2.AsyncClient
    answered: list[UUID] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    longest: float = 0.0

    async def call(self, number: int) -> None:
        """Track and complete, without end."""
        while True:
            start = {
                "invocation_id": str(uuid7()),
                "session_id": f"caller-{number}",
                "skill_name": "k",
                "user_query": "one query of all",
            }
            await self.send("track_invocation", start)
            # By name, as crackerjack does: it must not end another one when it is sent again.
            end = {"session_id": f"caller-{number}", "skill_name": "k", "outcome": "completed"}
            await self.send("complete_invocation", end)
            self.answered.append(UUID(start["invocation_id"]))

    async def send(self, tool: str, arguments: dict[str, str]) -> None:
        while True:
            since = time.monotonic()
            answer = await self.client.post(f"/tools/{tool}", json=arguments)
            self.longest = max(self.longest, time.monotonic() - since)
            if answer.status_code == 200:
                return
            assert answer.status_code == 503, answer.text
            self.sentences.append(answer.json()["error"])
            await asyncio.sleep(0.05)

    async def answers_more(self, more: int = 40) -> None:
        """Wait until so many more are stored; fails if that takes long."""
        enough = len(self.answered) + more
        with anyio.fail_after(LONGEST_ANSWER + 15):
            while len(self.answered) < enough:
                await asyncio.sleep(0.05)

    async def are_told(self, sentence: str) -> None:
        """Wait until a caller is told something like this."""
        with anyio.fail_after(LONGEST_ANSWER + 15):
            while not self._told(sentence):
                await asyncio.sleep(0.05)

    async def answer_more_or_are_told(self, sentence: str) -> None:
        """Wait until either."""
        enough = len(self.answered) + 40
        with anyio.fail_after(LONGEST_ANSWER + 15):
            while len(self.answered) < enough and not self._told(sentence):
                await asyncio.sleep(0.05)

    def _told(self, sentence: str) -> bool:
        return any(re.search(sentence, one) for one in self.sentences)


@pytest.fixture
def postgresql_of_its_own() -> Iterator[PostgreSQL]:
    with PostgreSQL(max_connections=12, superuser_reserved_connections=0) as server:
        yield server


@pytest.fixture
def server(postgresql_of_its_own: PostgreSQL, tmp_path: Path) -> Iterator[ServerProcess]:
    started = start_server(
        tmp_path,
        database=postgresql_of_its_own.url(),
        connect_timeout=CONNECT_SECONDS,
        statement_timeout=STATEMENT_SECONDS,
    )
    yield started
    assert started.process.poll() is None, "the server has ended"
    started.stop()


@asynccontextmanager
async def calling(server: ServerProcess, postgresql: PostgreSQL) -> AsyncIterator[Callers]:
    """Callers at work; at the end all that they were told is in the database, once."""
    async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
        callers = Callers(client)
        tasks = [asyncio.create_task(callers.call(number)) for number in range(6)]
        await callers.answers_more()
        yield callers
        await callers.answers_more()
        for task in tasks:
            task.cancel()
        failures = await asyncio.gather(*tasks, return_exceptions=True)
    assert not [one for one in failures if isinstance(one, Exception)]
    rows = postgresql.execute("SELECT invocation_id, outcome FROM skill_invocation")
    stored = dict(rows)
    assert len(stored) == len(rows)
    assert {stored[key] for key in callers.answered} == {"completed"}
    assert callers.longest < LONGEST_ANSWER


async def test_connections_that_break_are_not_noticed(
    server: ServerProcess, postgresql_of_its_own: PostgreSQL
) -> None:
    async with calling(server, postgresql_of_its_own) as callers:
        for _ in range(8):
            postgresql_of_its_own.execute(CLOSE_OURS)
            await callers.answers_more()
    assert callers.sentences == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
async def test_a_restart_is_waited_for(
    server: ServerProcess, postgresql_of_its_own: PostgreSQL, number: int
) -> None:
    async with calling(server, postgresql_of_its_own) as callers:
        for _ in range(3):
            await asyncio.to_thread(postgresql_of_its_own.restart, number)
            await callers.answers_more()


async def test_while_it_is_down_callers_are_told_and_then_served(
    server: ServerProcess, postgresql_of_its_own: PostgreSQL
) -> None:
    async with calling(server, postgresql_of_its_own) as callers:
        await asyncio.to_thread(postgresql_of_its_own.stop)
        await callers.are_told(r"cannot be reached: .*Connection refused\.$")
        answer = await callers.client.get("/health")
        assert answer.status_code == 503
        assert "cannot be reached" in answer.json()["error"]
        await asyncio.sleep(8)
        await asyncio.to_thread(postgresql_of_its_own.start)
        since = time.monotonic()
        await callers.answers_more(1)
        assert time.monotonic() - since < 5


async def test_a_server_that_is_full_says_so(
    server: ServerProcess, postgresql_of_its_own: PostgreSQL
) -> None:
    async with calling(server, postgresql_of_its_own) as callers:
        held: list[psycopg.Connection[object]] = []
        url = postgresql_of_its_own.url()
        while not callers.sentences:
            try:
                held.append(psycopg.connect(url, autocommit=True))
                held[-1].execute(CLOSE_OURS.encode())
            except psycopg.OperationalError:
                await asyncio.sleep(0.2)
        await callers.are_told("cannot be reached: .*too many clients already")
        for connection in held:
            connection.close()


async def test_a_lock_that_is_held_is_not_waited_for_without_end(
    server: ServerProcess, postgresql_of_its_own: PostgreSQL
) -> None:
    async with calling(server, postgresql_of_its_own) as callers:
        with psycopg.connect(postgresql_of_its_own.url()) as other:
            other.execute("LOCK TABLE skill_invocation IN ACCESS EXCLUSIVE MODE")
            await callers.are_told("waited too long for a lock; nothing of this was stored")


async def test_a_process_that_hangs_is_given_up(
    server: ServerProcess, postgresql_of_its_own: PostgreSQL
) -> None:
    async with calling(server, postgresql_of_its_own) as callers:
        rows = postgresql_of_its_own.execute(f"SELECT pid {OURS}")
        try:
            for (pid,) in rows:
                os.kill(pid, signal.SIGSTOP)
            # One that was stopped amid a transaction keeps what it wrote locked.
            await callers.answer_more_or_are_told("no answer for|waited too long for a lock")
        finally:
            for (pid,) in rows:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


async def test_a_server_that_is_starting_up_is_waited_for(
    server: ServerProcess, postgresql_of_its_own: PostgreSQL
) -> None:
    async with calling(server, postgresql_of_its_own) as callers:
        await asyncio.to_thread(postgresql_of_its_own.stop)
        postgresql_of_its_own.start_slowly(seconds=6)
        await callers.are_told("cannot be reached: .*the database system is starting up")


async def test_a_disk_that_is_full_is_said(
    server: ServerProcess, postgresql_of_its_own: PostgreSQL
) -> None:
    with small_disk(postgresql_of_its_own.folder / "small", mebibytes=2) as folder:
        postgresql_of_its_own.give(folder)
        postgresql_of_its_own.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
        move = "ALTER TABLE skill_invocation SET TABLESPACE"
        postgresql_of_its_own.execute(f"{move} small")
        async with calling(server, postgresql_of_its_own) as callers:
            with suppress(OSError), (folder / "ballast").open("wb", buffering=0) as ballast:
                while True:
                    ballast.write(b"x" * 4_096)
            await callers.are_told("the disk of postgresql://.* is full; nothing of this was")
            (folder / "ballast").unlink()
            await callers.answers_more()
        postgresql_of_its_own.execute(f"{move} pg_default")
        postgresql_of_its_own.execute("DROP TABLESPACE small")
