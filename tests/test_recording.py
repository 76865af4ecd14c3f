"""What a record means: starts, ends, and the same sent again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from session_buddy_skills.errors import ConflictError, InputError, UnknownInvocationError
from session_buddy_skills.models import (
    CALL_FIELDS,
    BatchRequest,
    CompleteRequest,
    Invocation,
    Outcome,
    TrackRequest,
)
from session_buddy_skills.requests import checked
from session_buddy_skills.results import BatchReceipt, Receipt
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.writing import insert_rows
from tests.invocations import all_invocations

START = {"session_id": "s", "skill_name": "k"}
EVERYTHING = {
    "session_id": " s ",
    "skill_name": "  pytest-run ",
    "invoked_at": "2026-01-31T10:30:00.123456+01:00",
    "user_query": "  run the tests\n",
    "alternatives_considered": ["ruff", "mypy"],
    "selection_rank": 2,
    "workflow_path": "quick",
    "workflow_phase": "fast_hooks",
    "workflow_step_id": "step-1",
    "project": "crackerjack",
    "user": "les",
    "source": "claude-code",
}


async def track(service: Service, **fields: Any) -> Receipt:
    return await service.track_invocation(checked(TrackRequest, **(START | fields)))


async def complete(service: Service, **fields: Any) -> Receipt:
    return await service.complete_invocation(checked(CompleteRequest, **fields))


async def record(service: Service, *invocations: dict[str, Any]) -> BatchReceipt:
    return await service.record_invocations(checked(BatchRequest, invocations=list(invocations)))


@pytest.fixture
async def one(service: Service) -> Receipt:
    return await track(service)


async def test_every_field_is_kept(service: Service) -> None:
    await track(service, **EVERYTHING)
    await complete(
        service,
        session_id="s",
        skill_name="pytest-run",
        outcome="failed",
        error_type="builtins.ValueError",
        follow_up_actions=["retry"],
        duration_seconds=1.25,
        rating=4,
    )
    [row] = await all_invocations(service)
    assert row.invoked_at == datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC)
    assert row.user is not None
    assert row.user.startswith("user:")
    assert row == Invocation(
        invocation_id=row.invocation_id,
        session_id="s",
        skill_name="pytest-run",
        invoked_at=row.invoked_at,
        ended_at=row.ended_at,
        outcome=Outcome.FAILED,
        duration_seconds=1.25,
        user_query="  run the tests\n",
        alternatives_considered=("ruff", "mypy"),
        selection_rank=2,
        follow_up_actions=("retry",),
        error_type="builtins.ValueError",
        workflow_path="quick",
        workflow_phase="fast_hooks",
        workflow_step_id="step-1",
        project="crackerjack",
        user=row.user,
        source="claude-code",
        rating=4,
    )


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"completed": True}, Outcome.COMPLETED),
        ({"completed": True, "error_type": ""}, Outcome.COMPLETED),
        ({"completed": False}, Outcome.ABANDONED),
        ({"completed": False, "error_type": " "}, Outcome.ABANDONED),
        ({"completed": False, "error_type": "E"}, Outcome.FAILED),
        ({"outcome": "unknown"}, Outcome.UNKNOWN),
        ({"outcome": "failed"}, Outcome.FAILED),
        ({"outcome": "failed", "completed": False}, Outcome.FAILED),
    ],
)
async def test_outcomes(
    service: Service, one: Receipt, fields: dict[str, Any], outcome: Outcome
) -> None:
    receipt = await complete(service, invocation_id=one.invocation_id, **fields)
    assert receipt.outcome is outcome


async def test_two_runs_of_one_skill_end_separately(service: Service) -> None:
    first, second = await track(service), await track(service)
    newest = await complete(service, **START, completed=True)
    assert newest.invocation_id == second.invocation_id
    older = await complete(service, **START, completed=False)
    assert older.invocation_id == first.invocation_id


async def test_newest_is_by_start_not_by_arrival(service: Service) -> None:
    newer = await track(service, invoked_at="2026-02-02T00:00:00Z")
    await track(service, invoked_at="2026-02-01T00:00:00Z")
    assert (await complete(service, **START, completed=True)).invocation_id == newer.invocation_id


async def test_the_same_end_twice_changes_nothing(service: Service, one: Receipt) -> None:
    end = {"invocation_id": one.invocation_id, "completed": True, "follow_up_actions": ["commit"]}
    first = await complete(service, **end)
    before = await all_invocations(service)
    again = await complete(service, **end)
    assert (first.changed, again.changed) == (True, False)
    assert again.duration_seconds == first.duration_seconds
    assert await complete(service, **START, completed=True) == again
    assert await all_invocations(service) == before


async def test_ends_that_share_a_transaction_keep_their_own_actions(service: Service) -> None:
    actions: list[list[str]] = [[], ["git commit"], [], ["git push", "git tag"]]
    receipts = [await track(service) for _ in actions]
    ids = [receipt.invocation_id for receipt in receipts]
    before = (await service.health_check()).storage.transactions
    await asyncio.gather(
        *(
            complete(service, invocation_id=key, outcome="failed", follow_up_actions=some)
            for key, some in zip(ids, actions, strict=True)
        )
    )
    assert (await service.health_check()).storage.transactions == before + 1
    stored = {row.invocation_id: row for row in await all_invocations(service)}
    assert [[*stored[key].follow_up_actions] for key in ids] == actions
    assert {row.outcome for row in stored.values()} == {Outcome.FAILED}


async def test_an_end_without_actions_takes_back_those_that_are_stored(
    service: Service, one: Receipt
) -> None:
    """As of one that had ended, and that a later account of it says is under way."""
    acted = Invocation(UUID(int=1), "s", "k", datetime.now(UTC), follow_up_actions=("git push",))
    async with service._database.writing() as connection:
        await insert_rows(connection, [acted])
    end = {"invocation_id": acted.invocation_id, "completed": True, "follow_up_actions": []}
    assert (await complete(service, **end)).changed
    assert not (await complete(service, **end)).changed
    assert [row.follow_up_actions for row in await all_invocations(service)] == [(), ()]


async def test_another_end_is_refused_and_says_what_is_stored(
    service: Service, one: Receipt
) -> None:
    await complete(service, invocation_id=one.invocation_id, completed=True)
    before = await all_invocations(service)
    with pytest.raises(ConflictError) as refused:
        await complete(service, invocation_id=one.invocation_id, outcome="unknown")
    assert str(refused.value) == (
        f'invocation_id "{one.invocation_id}" is stored with outcome "completed", not "unknown".'
    )
    with pytest.raises(ConflictError, match=r'with follow_up_actions \[\], not \["x"\]'):
        await complete(
            service, invocation_id=one.invocation_id, completed=True, follow_up_actions=["x"]
        )
    assert await all_invocations(service) == before


async def test_the_same_start_twice_counts_once(service: Service) -> None:
    start = EVERYTHING | {"invocation_id": str(uuid7())}
    assert (await track(service, **start)).changed
    assert not (await track(service, **start)).changed
    await complete(service, invocation_id=start["invocation_id"], completed=True)
    assert not (await track(service, **start)).changed
    with pytest.raises(ConflictError, match=r'with user_query "  run the tests\\n", not "other"'):
        await track(service, **(start | {"user_query": "other"}))
    assert len(await all_invocations(service)) == 1


async def test_an_end_that_names_another_skill_is_refused(service: Service, one: Receipt) -> None:
    with pytest.raises(ConflictError, match='with skill_name "k", not "other"'):
        await complete(service, invocation_id=one.invocation_id, skill_name="other", completed=True)


async def test_duration_is_measured_unless_given(service: Service, one: Receipt) -> None:
    await asyncio.sleep(0.05)
    measured = await complete(service, invocation_id=one.invocation_id, completed=True)
    assert measured.duration_seconds is not None
    assert 0.05 <= measured.duration_seconds < 5
    other = await track(service)
    given = await complete(
        service, invocation_id=other.invocation_id, completed=True, duration_seconds=90
    )
    assert given.duration_seconds == 90


async def test_a_start_ahead_of_this_clock_has_no_measured_duration(service: Service) -> None:
    ahead = await track(service, invoked_at=datetime.now(UTC) + timedelta(hours=1))
    ended = await complete(service, invocation_id=ahead.invocation_id, completed=True)
    assert ended.duration_seconds is None
    [row] = await all_invocations(service)
    assert row.ended_at is None


async def test_a_run_told_of_afterwards_started_before(service: Service) -> None:
    done = START | {"outcome": "completed", "duration_seconds": 200_000}
    await record(service, done)
    [row] = await all_invocations(service)
    assert row.ended_at is not None
    assert row.ended_at <= datetime.now(UTC)
    assert row.ended_at - row.invoked_at == timedelta(seconds=200_000)


async def test_many_batches_at_once_are_taken_or_refused_each(service: Service) -> None:
    ids = [str(uuid7()) for _ in range(300)]
    batches = [
        [START | {"invocation_id": key}, START | {"invocation_id": key, "session_id": "t"}]
        if number % 3 == 0
        else [START | {"invocation_id": key}]
        for number, key in enumerate(ids)
    ]
    results = await asyncio.gather(
        *(record(service, *batch) for batch in batches), return_exceptions=True
    )
    refused = [isinstance(result, ConflictError) for result in results]
    assert refused == [number % 3 == 0 for number in range(300)]
    kept = {str(row.invocation_id) for row in await all_invocations(service)}
    assert kept == {key for number, key in enumerate(ids) if number % 3}


async def test_an_end_before_its_start_is_refused(service: Service, one: Receipt) -> None:
    with pytest.raises(InputError, match="ended_at must not be before invoked_at"):
        await complete(
            service,
            invocation_id=one.invocation_id,
            completed=True,
            ended_at=one.invoked_at - timedelta(seconds=1),
        )


async def test_batch_tells_new_from_ended_from_unchanged(service: Service, one: Receipt) -> None:
    new = START | {"invocation_id": str(uuid7()), "outcome": "completed", "duration_seconds": 2}
    end = START | {"invocation_id": str(one.invocation_id), "outcome": "abandoned"}
    first = await record(service, new, end, new)
    assert (first.recorded, first.ended, first.unchanged) == (1, 1, 1)
    again = await record(service, new, end, new)
    assert (again.recorded, again.ended, again.unchanged) == (0, 0, 3)
    assert again.invocation_ids == first.invocation_ids


async def test_batch_derives_the_end_from_the_duration_and_back(service: Service) -> None:
    at = "2026-01-31T09:30:00Z"
    done = START | {"invoked_at": at, "outcome": "completed"}
    await record(
        service,
        done | {"duration_seconds": 1.5},
        done | {"ended_at": "2026-01-31T09:30:02Z"},
        done,
    )
    rows = {row.duration_seconds: row.ended_at for row in await all_invocations(service)}
    start = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    assert rows == {
        1.5: start + timedelta(seconds=1.5),
        2.0: start + timedelta(seconds=2),
        None: None,
    }


async def test_a_refused_batch_leaves_nothing_behind(service: Service, one: Receipt) -> None:
    fresh = START | {"invocation_id": str(uuid7())}
    end = START | {"invocation_id": str(one.invocation_id), "outcome": "completed"}
    before = await all_invocations(service)
    with pytest.raises(ConflictError, match=r"^invocations\[2\]: "):
        await record(service, fresh, end, fresh | {"skill_name": "other"})
    assert await all_invocations(service) == before
    # What came in the same transaction is not held up.
    results = await asyncio.gather(
        record(service, fresh, fresh | {"skill_name": "other"}),
        track(service),
        return_exceptions=True,
    )
    assert isinstance(results[0], ConflictError)
    assert isinstance(results[1], Receipt)
    assert len(await all_invocations(service)) == 2


async def test_an_export_can_be_recorded_again(service: Service) -> None:
    await track(service, **EVERYTHING)
    await complete(service, session_id="s", skill_name="pytest-run", completed=True)
    [row] = await all_invocations(service)
    # As an export has it: what is known of calls alone is there only where it is known.
    again = {name: getattr(row, name) for name in Invocation.__slots__ if name not in CALL_FIELDS}
    receipt = await record(service, again | {"completed": row.completed})
    assert receipt.unchanged == 1


async def test_one_query_text_is_stored_once(service: Service) -> None:
    await asyncio.gather(*(track(service, user_query=f"query {i % 3}") for i in range(30)))
    await track(service, user_query="query 1")
    assert {row.user_query for row in await all_invocations(service)} == {
        "query 0",
        "query 1",
        "query 2",
    }
    async with service._database.reading() as connection:
        assert await connection.fetch("missing_queries") == []
        ids = [row.user_query for row in await all_invocations(service)]
        assert len(ids) == 31


async def test_track_completes_at_the_end_of_its_body(service: Service) -> None:
    async with service.track("k", session_id="s", project="p") as run:
        run.follow_up_actions.append("commit")
    [row] = await all_invocations(service)
    assert (row.outcome, row.follow_up_actions, row.project) == (
        Outcome.COMPLETED,
        ("commit",),
        "p",
    )


async def test_track_fails_with_the_type_of_the_exception(service: Service) -> None:
    with pytest.raises(ConflictError):
        async with service.track("k", session_id="s"):
            raise ConflictError
    with pytest.raises(ZeroDivisionError):
        async with service.track("k", session_id="s"):
            raise ZeroDivisionError
    assert [(row.outcome, row.error_type) for row in await all_invocations(service)] == [
        (Outcome.FAILED, "session_buddy_skills.errors.ConflictError"),
        (Outcome.FAILED, "ZeroDivisionError"),
    ]


async def test_a_cancelled_body_is_abandoned(service: Service) -> None:
    async def body() -> None:
        async with service.track("k", session_id="s"):
            await asyncio.sleep(60)

    task = asyncio.create_task(body())
    while not await all_invocations(service):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [row.outcome for row in await all_invocations(service)] == [Outcome.ABANDONED]


async def test_what_the_body_set_wrong_is_said_and_its_end_is_kept(service: Service) -> None:
    with pytest.raises(InputError, match="rating must be at most 5, not 9"):
        async with service.track("k", session_id="s") as run:
            run.rating = 9
    with pytest.raises(ZeroDivisionError) as raised:
        async with service.track("k", session_id="s") as run:
            run.rating = 9
            raise ZeroDivisionError
    assert "rating must be at most 5, not 9" in raised.value.__notes__[0]
    outcomes = [row.outcome for row in await all_invocations(service)]
    assert outcomes == [Outcome.COMPLETED, Outcome.FAILED]


async def test_track_refuses_a_wrong_field_before_the_body_runs(service: Service) -> None:
    with pytest.raises(InputError, match="phase is not known here"):
        async with service.track("k", session_id="s", phase="tests"):
            pytest.fail("the body ran")


async def test_what_was_answered_is_there_after_reopening(settings: Settings) -> None:
    async with open_service(settings) as service:
        await track(service, user="les")
    async with open_service(settings) as service:
        await complete(service, **START, completed=True)
        await track(service, user="les")
        with pytest.raises(UnknownInvocationError):
            await complete(service, invocation_id=uuid7(), completed=True)
        first, second = await all_invocations(service)
    assert first.user == second.user
    assert first.outcome is Outcome.COMPLETED
