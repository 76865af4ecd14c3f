"""What was shown is kept, and what was chosen from it is held against it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from session_buddy_skills.models import BatchRequest, TrackRequest
from session_buddy_skills.recommendations import Recommendation
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from tests.advising.asking import ask, describe, names, used
from tests.databases import execute
from tests.invocations import all_invocations


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"embedder": "static"})


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    async with open_service(settings) as opened:
        await describe(opened, lint="Checks the code", format="Checks the code layout")
        yield opened


async def test_an_invocation_takes_its_rank_from_the_recommendation(service: Service) -> None:
    answer = await ask(service, "check the code")
    first, second = names(answer)
    use = {"session_id": "s", "recommendation_id": answer.recommendation_id}
    await service.track_invocation(checked(TrackRequest, skill_name=second, **use))
    batch = [
        use | {"skill_name": first, "outcome": "completed"},
        use | {"skill_name": "other", "outcome": "completed"},
        use | {"skill_name": first, "selection_rank": 7, "alternatives_considered": ["x"]},
    ]
    await service.record_invocations(checked(BatchRequest, invocations=batch))
    rows = {
        (row.skill_name, row.selection_rank, row.alternatives_considered)
        for row in await all_invocations(service)
    }
    assert rows == {
        (second, 2, (first,)),
        (first, 1, (second,)),
        ("other", None, (first, second)),
        (first, 7, ("x",)),
    }
    [metrics] = (await service.skill_metrics(first)).skills
    assert metrics.first_rank_success is not None
    assert (metrics.first_rank_success.value, metrics.first_rank_success.n) == (1, 1)


async def test_the_same_again_changes_nothing(service: Service) -> None:
    answer = await ask(service, "check the code")
    use = {"session_id": "s", "skill_name": "lint", "invocation_id": uuid4()}
    request = checked(TrackRequest, **use, recommendation_id=answer.recommendation_id)
    assert (await service.track_invocation(request)).changed
    assert not (await service.track_invocation(request)).changed


async def test_a_recommendation_that_nobody_knows_is_kept_as_it_is(service: Service) -> None:
    unknown = uuid4()
    use = {"session_id": "s", "skill_name": "lint", "recommendation_id": unknown}
    await service.track_invocation(checked(TrackRequest, **use))
    [row] = await all_invocations(service)
    assert (row.recommendation_id, row.selection_rank) == (unknown, None)


async def test_what_was_shown_is_on_disk_and_known_after_a_restart(settings: Settings) -> None:
    async with open_service(settings) as service:
        await describe(service, lint="Checks the code", bake="Bakes bread", deploy="Deploys it")
        fields = {"session_id": "s", "project": "p", "user_id": "ann", "workflow_phase": "tests"}
        answer = await ask(service, "check the code", limit=1, **fields)
        nothing = await ask(service, "zebra", exclude=["lint", "bake", "deploy"])
    async with open_service(settings) as again:
        use = {"session_id": "s", "skill_name": "lint"}
        key = answer.recommendation_id
        await again.track_invocation(checked(TrackRequest, **use, recommendation_id=key))
        [row] = await all_invocations(again)
        assert row.selection_rank == 1
    rows = execute(
        settings,
        "SELECT recommendation_id, session_id, mode, skill_names, reason, workflow_phase, project, "
        "user_hash <> 'ann', query_text FROM skill_recommendation JOIN skill_query USING (query_id)"
        " ORDER BY recommended_at",
    )
    shown = (key, "s", "static", ["lint"], None, "tests", "p", True, "check the code")
    where = (None, None, None, "zebra")
    assert rows == [shown, (nothing.recommendation_id, None, "static", [], "all_excluded", *where)]


async def test_what_was_recommended_is_kept_once(settings: Settings) -> None:
    async with open_service(settings) as service:
        answer = await ask(service, "check the code")
        assert service._recommender is not None
        log = service._recommender.upkeep.log
        rows = list(log._unkept)
        assert [row["recommendation_id"] for row in rows] == [answer.recommendation_id]
        # As after an answer that was lost on the way.
        await log._store.keep_recommendations(rows)
    assert execute(settings, "SELECT count(*) FROM skill_recommendation") == [(1,)]


async def test_shown_and_passed_over_is_weak_evidence_against(service: Service) -> None:
    await describe(service, a="Checks the code", b="Checks the code too")
    query, others = "check the code", ["lint", "format", "other"]
    before = {one.skill_name: one.score for one in (await _both(service, query, others))}
    for _ in range(6):
        await used(service, "other", query, alternatives_considered=["a"])
    after = {one.skill_name: one.score for one in (await _both(service, query, others))}
    assert after["a"] - after["b"] < before["a"] - before["b"]


async def _both(service: Service, query: str, others: list[str]) -> list[Recommendation]:
    return (await ask(service, query, exclude=others, min_similarity=-1)).recommendations


async def test_many_answers_share_their_transactions(service: Service, settings: Settings) -> None:
    answers = await asyncio.gather(*(ask(service, f"check code {n}") for n in range(50)))
    assert len({one.recommendation_id for one in answers}) == 50
    await service.close()
    [(count,)] = execute(settings, "SELECT count(*) FROM skill_recommendation")
    assert count == 50
