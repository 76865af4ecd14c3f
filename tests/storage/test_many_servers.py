"""Many servers that write to one PostgreSQL at once."""

from __future__ import annotations

import asyncio
import random
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from session_buddy_skills.errors import ConflictError, ContentionError
from session_buddy_skills.models import BatchRequest, CompleteRequest, TrackRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.results import Receipt
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage import retrying
from tests.conftest import COMMAND, ROOT, NewSettings, environment, start_server
from tests.databases import execute
from tests.invocations import all_invocations

START = {"session_id": "s", "skill_name": "k", "user_query": "the same for all"}


@pytest.fixture
def engine() -> str:
    return "postgresql"


async def start(service: Service, key: UUID) -> Receipt:
    return await service.track_invocation(checked(TrackRequest, invocation_id=key, **START))


async def test_the_same_write_sent_to_many_servers_counts_once(settings: Settings) -> None:
    keys = [uuid7() for _ in range(40)]
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(open_service(settings)) for _ in range(3)]
        sent = [start(service, key) for key in keys for service in servers]
        random.Random(1).shuffle(sent)
        receipts = await asyncio.gather(*sent)
        assert Counter(one.invocation_id for one in receipts if one.changed) == Counter(keys)
        ends = [
            service.complete_invocation(
                checked(CompleteRequest, invocation_id=key, completed=True, duration_seconds=2)
            )
            for key in keys
            for service in servers
        ]
        receipts = await asyncio.gather(*ends)
        assert Counter(one.invocation_id for one in receipts if one.changed) == Counter(keys)
        assert len(await all_invocations(servers[0])) == len(keys)
    assert execute(settings, "SELECT count(*) FROM skill_query") == [(1,)]


async def test_batches_that_overlap_count_once(settings: Settings) -> None:
    whole = [
        START | {"invocation_id": uuid7(), "outcome": "completed", "user_query": f"q {n % 90}"}
        for n in range(300)
    ]
    async with open_service(settings) as a, open_service(settings) as b:
        receipts = await asyncio.gather(
            *(
                service.record_invocations(checked(BatchRequest, invocations=whole[first:][:200]))
                for service in (a, b)
                for first in (0, 50, 100)
            )
        )
    assert sum(one.recorded for one in receipts) == 300
    assert sum(one.recorded + one.unchanged for one in receipts) == 6 * 200
    assert execute(settings, "SELECT count(*) FROM skill_invocation") == [(300,)]
    assert execute(settings, "SELECT count(*) FROM skill_query") == [(90,)]


async def test_each_end_by_name_ends_another_invocation(settings: Settings) -> None:
    end = checked(CompleteRequest, session_id="s", skill_name="k", completed=True)
    async with open_service(settings) as a, open_service(settings) as b:
        keys = [(await start(a, uuid7())).invocation_id for _ in range(30)]
        ended = await asyncio.gather(
            *(service.complete_invocation(end) for _ in range(15) for service in (a, b))
        )
    assert {one.invocation_id for one in ended} == set(keys)


async def test_of_two_that_contradict_each_other_one_is_refused(settings: Settings) -> None:
    async with open_service(settings) as a, open_service(settings) as b:
        for _ in range(20):
            key = (await start(a, uuid7())).invocation_id
            outcomes = await asyncio.gather(
                *(
                    service.complete_invocation(
                        checked(CompleteRequest, invocation_id=key, outcome=outcome)
                    )
                    for service, outcome in ((a, "completed"), (b, "failed"))
                ),
                return_exceptions=True,
            )
            assert sorted(type(one).__name__ for one in outcomes) == ["ConflictError", "Receipt"]
            [refused] = [one for one in outcomes if isinstance(one, ConflictError)]
            assert "is stored with outcome" in str(refused)


async def test_who_never_gets_through_is_told_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "GIVE_UP_SECONDS", 0.3)
    execute(
        settings,
        """
        CREATE FUNCTION in_the_way() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'in the way' USING ERRCODE = 'serialization_failure'; END $$;
        CREATE TRIGGER in_the_way BEFORE UPDATE ON skill_invocation
        FOR EACH ROW EXECUTE FUNCTION in_the_way();
        """,
    )
    async with open_service(settings) as service:
        key = (await start(service, uuid7())).invocation_id
        end = checked(CompleteRequest, invocation_id=key, completed=True)
        with pytest.raises(ContentionError, match="in the way; nothing of it was stored"):
            await service.complete_invocation(end)
        execute(settings, "DROP TRIGGER in_the_way ON skill_invocation")
        assert (await service.complete_invocation(end)).changed


def processes(settings: Settings, *arguments: str, count: int) -> Iterator[tuple[int, str]]:
    """Run so many commands at once; the exit code and the output of each."""
    running = [
        subprocess.Popen(
            [*COMMAND, *arguments],
            env=environment(settings.data_dir / str(n), database=settings.database),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for n in range(count)
    ]
    for process in running:
        output, _ = process.communicate(timeout=60)
        yield process.returncode, output


def test_many_servers_start_at_once_on_an_empty_database(new_settings: NewSettings) -> None:
    settings = new_settings(empty=True)
    done = list(processes(settings, "db", "migrate", count=8))
    assert done == [(0, "schema version 14\n")] * 8
    versions = execute(settings, "SELECT version FROM skill_migrations ORDER BY 1")
    assert versions == [(n,) for n in range(1, 15)]


def test_the_schema_does_not_go_back_under_a_server(settings: Settings) -> None:
    # Whatever it calls itself.
    named = f"{settings.database}?application_name=mine"
    server = start_server(settings.data_dir, database=named)
    [(code, output)] = processes(settings, "db", "rollback", "--to", "0", count=1)
    assert code == 65
    assert re.search(r"is used by mine \(pid \d+ there\).*stop what runs there", output)
    server.stop()
    [done] = processes(settings, "db", "rollback", "--to", "0", count=1)
    assert done == (0, "schema version 0\n")
    assert execute(settings, "SELECT version FROM skill_migrations") == []
