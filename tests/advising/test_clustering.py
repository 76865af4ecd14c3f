"""Groups of skills, on both engines, with static vectors and with words alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from session_buddy_skills.catalog import CatalogRequest, RegisterRequest
from session_buddy_skills.clusters import ClustersAnswer, ClustersRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from tests.advising.asking import describe, ready, used

SKILLS = {
    "unit_tests": "Run the unit tests with pytest and report which tests failed",
    "browser_tests": "Run tests of the web page in a browser and report which tests failed",
    "coverage": "Report which lines the tests cover",
    "rollout": "Deploy the service to the production cluster with kubernetes",
    "rollback": "Take back the last deployment of the service in the production cluster",
    "scale": "Scale a service of the production cluster with kubernetes",
    "poem": "Write a poem that rhymes",
    "song": "Write a song with verses that rhyme",
    "story": "Write a short story or a poem for children",
}
TOPICS = {
    frozenset({"unit-tests", "browser-tests", "coverage"}),
    frozenset({"rollout", "rollback", "scale"}),
    frozenset({"poem", "song", "story"}),
}


@pytest.fixture(params=["static", "none"])
def chosen(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    return settings.model_copy(update={"embedder": request.param})


@pytest.fixture
async def service(chosen: Settings) -> AsyncIterator[Service]:
    async with open_service(chosen) as opened:
        yield opened


async def clusters(service: Service, **fields: str) -> ClustersAnswer:
    await ready(service)
    return await service.recommender.clustering.answer(checked(ClustersRequest, **fields))


def members(answer: ClustersAnswer) -> set[frozenset[str]]:
    return {frozenset(one.skill_name for one in group.skills) for group in answer.clusters}


async def test_skills_of_one_topic_are_a_group(service: Service) -> None:
    await describe(service, **SKILLS)
    answer = await clusters(service)
    assert members(answer) == TOPICS
    by_member = {one.skill_name: group for group in answer.clusters for one in group.skills}
    assert "tests" in by_member["coverage"].terms
    assert {"service", "production", "cluster"} & set(by_member["scale"].terms)
    assert by_member["poem"].cluster_name == ", ".join(by_member["poem"].terms[:3])
    for group in answer.clusters:
        closest = [one.closeness for one in group.skills]
        assert closest == sorted(closest, reverse=True)
        assert closest[0] <= 1
    health = await service.health_check()
    assert (answer.mode, answer.model) == (health.embedding_mode, health.embedding_model)
    assert (answer.unclustered, answer.reason) == ([], None)


async def test_groups_stay_what_they_are(chosen: Settings) -> None:
    async with open_service(chosen) as service:
        await describe(service, **SKILLS)
        first = await clusters(service)
        assert await clusters(service) == first
    async with open_service(chosen) as other:
        assert await clusters(other) == first
        await describe(other, **SKILLS, load_tests="Run tests of how the service bears load")
        grown = await clusters(other)
        ids = {group.cluster_id for group in first.clusters}
        assert {group.cluster_id for group in grown.clusters} == ids


async def test_requests_say_what_descriptions_do_not(service: Service) -> None:
    nameless = dict.fromkeys(("k1", "k2", "k3", "k4"))
    await describe(service, **nameless)
    for skill, query in (
        ("k1", "translate this letter into french"),
        ("k2", "translate my letter into german"),
        ("k3", "resize this photo to a thumbnail"),
        ("k4", "crop this photo and resize it"),
    ):
        for _ in range(5):
            await used(service, skill, query)
    assert members(await clusters(service)) == {frozenset({"k1", "k2"}), frozenset({"k3", "k4"})}


async def test_one_skill_has_its_group_alone(service: Service) -> None:
    await describe(service, **SKILLS)
    answer = await clusters(service, skill_name="poem")
    assert members(answer) == {frozenset({"poem", "song", "story"})}
    assert (await clusters(service, skill_name="nothing")).reason == "no_such_skill"


async def test_what_is_gone_is_in_no_group(service: Service) -> None:
    entries = [
        {"name": name, "description": text, "location": f"/skills/{name}", "source": "project"}
        for name, text in SKILLS.items()
    ]
    scanned = {"scanned": ["/skills"]}
    await service.register_skills(checked(RegisterRequest, skills=entries, **scanned))
    assert len((await clusters(service)).clusters) == 3
    await service.register_skills(checked(RegisterRequest, skills=entries[:3], **scanned))
    assert frozenset().union(*members(await clusters(service))) == set(list(SKILLS)[:3])


async def test_without_skills_there_is_a_reason(service: Service) -> None:
    answer = await clusters(service)
    assert (answer.clusters, answer.reason) == ([], "no_skills")


async def test_servers_that_share_a_database_answer_the_same(chosen: Settings) -> None:
    if chosen.engine == "duckdb":
        pytest.skip("one process holds a DuckDB file")
    async with open_service(chosen) as one, open_service(chosen) as other:
        await describe(one, **SKILLS)
        async with asyncio.timeout(30):
            while len((await other.list_skills(CatalogRequest())).skills) < len(SKILLS):
                await asyncio.sleep(0.05)
            while members(await clusters(other)) != TOPICS:
                await asyncio.sleep(0.05)
        await asyncio.gather(clusters(one), clusters(other))
        assert await clusters(one) == await clusters(other)


async def test_each_model_has_groups_of_its_own(settings: Settings) -> None:
    found: dict[str, list[ClustersAnswer]] = {"none": [], "static": []}
    for embedder in ("none", "static", "none", "static"):
        chosen = settings.model_copy(update={"embedder": embedder})
        async with open_service(chosen) as service:
            await describe(service, **SKILLS)
            found[embedder].append(await clusters(service))
    for first, again in found.values():
        assert first == again
