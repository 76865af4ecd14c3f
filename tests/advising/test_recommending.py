"""Recommendations through the service, on both engines, with static vectors and with none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from session_buddy_skills.advising import steps
from session_buddy_skills.catalog import RegisterRequest
from session_buddy_skills.errors import InputError, StorageError
from session_buddy_skills.recommendations import (
    NextRequest,
    RecommendRequest,
    SimilarRequest,
)
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from tests.advising.asking import ask, describe, names, ready, used

TESTS = "Run the test suite with pytest and report what failed"
COMMIT = "Create a git commit with a conventional message"
DEPLOY = "Deploy the service to the kubernetes cluster"


@pytest.fixture(params=["static", "none"])
def embedder(request: pytest.FixtureRequest, engine: str) -> str:
    if request.param == "none" and engine == "postgresql":
        pytest.skip("words are compared in memory, on either engine alike")
    return str(request.param)


@pytest.fixture
async def service(settings: Settings, embedder: str) -> AsyncIterator[Service]:
    settings = settings.model_copy(update={"embedder": embedder})
    async with open_service(settings) as opened:
        yield opened


@pytest.fixture
async def described(service: Service) -> Service:
    await describe(service, pytest_run=TESTS, git_commit=COMMIT, deploy=DEPLOY)
    return service


async def test_a_description_is_enough_to_begin_with(described: Service, embedder: str) -> None:
    answer = await ask(described, "run the tests with pytest")
    first = answer.recommendations[0]
    assert first.skill_name == "pytest-run"
    assert answer.mode == {"static": "static", "none": "lexical"}[embedder]
    assert (answer.model is None) == (embedder == "none")
    assert (first.similarity_score is None) == (embedder == "none")
    assert first.evidence[0].kind == "description"
    assert first.completion_rate is None
    assert first.completed is False
    assert first.reason.endswith("; no run of it has ended yet.")
    assert ("its description (cosine" in first.reason) == (embedder == "static")
    assert 0 <= first.score <= 1


async def test_history_says_what_descriptions_do_not(described: Service, embedder: str) -> None:
    for _ in range(3):
        await used(described, "deploy", "ship it to production", duration_seconds=2.0)
    await used(described, "deploy", "ship it to production", duration_seconds=8.0)
    await used(described, "deploy", "ship the new version", outcome="failed", error_type="E")
    first = (await ask(described, "ship it to production now")).recommendations[0]
    assert first.skill_name == "deploy"
    assert first.completed is True
    assert first.duration_seconds == 2.0
    assert first.completion_rate is not None
    assert (first.completion_rate.value, first.completion_rate.n) == (0.8, 5)
    if embedder == "static":
        past = [(one.query, one.outcome) for one in first.evidence if one.kind == "past_use"]
        assert past[0] == ("ship it to production", "completed")
        assert ("ship the new version", "failed") in past
        assert "4 of 5 runs completed" in first.reason
        assert first.similarity_score == first.evidence[0].similarity


async def test_failures_are_evidence_against(service: Service) -> None:
    await describe(service, first="Formats files", second="Formats files")
    for outcome in ("failed", "abandoned", "failed"):
        await used(service, "first", "format this file", outcome=outcome)
    await used(service, "second", "format this file")
    assert names(await ask(service, "format this file"))[0] == "second"


async def test_pending_and_unknown_runs_say_nothing(service: Service) -> None:
    await describe(service, first="Formats files", second="Formats files")
    before = await ask(service, "format this file")
    for _ in range(5):
        await used(service, "second", "format this file", outcome="unknown")
        await used(service, "second", "format this file", outcome="pending")
    after = await ask(service, "format this file")
    assert [one.score for one in before.recommendations] == pytest.approx(
        [one.score for one in after.recommendations], abs=1e-6
    )
    assert after.recommendations[1].completion_rate is None


async def test_equal_skills_come_by_name(service: Service) -> None:
    await describe(service, b="Formats files", c="Formats files", a="Formats files")
    answer = await ask(service, "formats files")
    assert sorted(names(answer)) == ["a", "b", "c"]
    again = await ask(service, "formats files")
    assert names(again) == names(answer)


async def test_a_phase_brings_up_what_works_in_it(service: Service) -> None:
    await describe(service, lint="Checks the code", format="Checks the code layout")
    for _ in range(8):
        await used(service, "lint", "check the code", workflow_phase="tests")
        await used(service, "format", "check the code", workflow_phase="fast_hooks")
    query = "check the code"
    answer = await ask(service, query, workflow_phase="fast_hooks", phase_weight=0.9)
    first = answer.recommendations[0]
    assert (first.skill_name, first.workflow_phase) == ("format", "fast_hooks")
    assert "8 of 8 in fast_hooks" in first.reason
    only = await ask(service, query, workflow_phase="tests", phase_weight=1)
    assert names(only) == ["lint"]
    plain = await ask(service, query, workflow_phase="tests", phase_weight=0)
    assert names(plain) == names(await ask(service, query))
    nothing = await ask(service, query, workflow_phase="publishing", phase_weight=1)
    assert (nothing.recommendations, nothing.reason) == ([], "no_history")


async def test_success_is_that_of_the_project_or_the_user(service: Service) -> None:
    await describe(service, lint="Checks the code")
    for project, user, outcome in (("a", "ann", "completed"), ("b", "bob", "failed")):
        for _ in range(4):
            await used(
                service, "lint", "check the code", project=project, user=user, outcome=outcome
            )
    for fields, value in (({}, 0.5), ({"project": "a"}, 1.0), ({"user_id": "bob"}, 0.0)):
        arguments: dict[str, Any] = {**fields, "min_similarity": -1}
        rate = (await ask(service, "check", **arguments)).recommendations[0].completion_rate
        assert rate is not None
        assert rate.value == value


async def test_what_is_excluded_or_gone_is_not_recommended(described: Service) -> None:
    query = "run the tests with pytest"
    assert "pytest-run" not in names(await ask(described, query, exclude=["pytest-run", "x"]))
    every = ["pytest-run", "git-commit", "deploy"]
    assert (await ask(described, query, exclude=every)).reason == "all_excluded"
    entry = {"name": "filed", "description": TESTS, "location": "/s/filed/SKILL.md"}
    await described.register_skills(checked(RegisterRequest, skills=[entry]))
    await used(described, "filed", query)
    assert "filed" in names(await ask(described, query))
    await described.register_skills(checked(RegisterRequest, skills=[], scanned=["/s"]))
    assert "filed" not in names(await ask(described, query))


async def test_a_changed_description_counts_at_once(described: Service) -> None:
    await ready(described)
    await describe(described, deploy="Translate documents into other languages")
    assert names(await ask(described, "translate documents into german"))[0] == "deploy"


async def test_a_name_is_known_by_its_use_alone(service: Service) -> None:
    await used(service, "weather-forecast", None)
    await used(service, "make-coffee", None)
    assert names(await ask(service, "what is the weather forecast"))[0] == "weather-forecast"


async def test_it_says_nothing_where_nothing_fits(described: Service) -> None:
    answer = await ask(described, "zebra xylophone quantum")
    assert (answer.recommendations, answer.reason) == ([], "below_threshold")
    assert answer.confidence < 0.5


async def test_a_request_that_names_a_skill_is_answered(described: Service) -> None:
    await describe(described, xylophone="Plays tunes")
    assert names(await ask(described, "zebra quantum Xylophone flux"))[0] == "xylophone"


async def test_a_threshold_of_the_caller_goes_before(described: Service, embedder: str) -> None:
    query = "run the tests with pytest"
    answer = await ask(described, query, min_similarity=0.4)
    if embedder == "none":
        # Without vectors no similarity is known to be high enough.
        assert (answer.recommendations, answer.reason) == ([], "below_threshold")
        assert names(await ask(described, query, min_similarity=-1))[0] == "pytest-run"
        return
    assert names(answer) == ["pytest-run"]
    assert len(names(await ask(described, "zebra xylophone quantum", min_similarity=-1))) == 3


async def test_words_that_any_text_has_say_nothing(described: Service) -> None:
    await ready(described)
    health = await described.health_check()
    for query in ("bake a cake", "the of and to"):
        answer = await ask(described, query)
        if health.embedding_model is None:
            assert (answer.recommendations, answer.reason) == ([], "below_threshold")


async def test_descriptions_of_one_name_all_count(service: Service) -> None:
    places = {"/a/SKILL.md": "Knit woollen socks", "/b/SKILL.md": "Tune a piano"}
    entries = [
        {"name": "twin", "location": place, "description": text} for place, text in places.items()
    ]
    await service.register_skills(checked(RegisterRequest, skills=entries))
    await describe(service, other="Paint a fence")
    for query in ("tune the piano", "knit woollen socks"):
        assert names(await ask(service, query))[0] == "twin"


async def test_a_phase_or_a_session_alone_is_enough(service: Service) -> None:
    await describe(service, lint="Checks the code", format="Checks the code layout")
    await used(service, "lint", "check", workflow_phase="tests", session_id="old")
    await used(service, "format", "check", session_id="old", invoked_at="2026-01-01T10:00:00Z")
    await used(service, "format", "check", session_id="now")
    by_phase = await ask(service, None, workflow_phase="tests")
    assert (names(by_phase), by_phase.confidence) == (["lint"], 1)
    assert names(await ask(service, "", session_id="now")) == ["lint"]
    assert (await ask(service, "", workflow_phase="cleanup")).reason == "no_history"
    assert (await ask(service, "", session_id="unheard of")).reason == "no_history"


async def test_a_session_alone_is_waited_for(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "WAIT_SECONDS", 0)
    await describe(service, lint="Checks the code", format="Checks the code layout")
    await used(service, "format", "check", session_id="old", invoked_at="2026-01-01T10:00:00Z")
    await used(service, "lint", "check", session_id="old", invoked_at="2026-01-01T10:01:00Z")
    await used(service, "format", "check", session_id="now")
    assert names(await ask(service, "", session_id="now")) == ["lint"]


async def test_steps_that_cannot_be_read_fail_only_what_needs_them(settings: Settings) -> None:
    async with open_service(settings) as service:
        known = service.recommender.steps
    assert await steps.known_steps(known, "now", needed=False) == (None, {})
    with pytest.raises(StorageError):
        await steps.known_steps(known, "now", needed=True)


async def test_without_skills_or_words_there_is_a_reason(service: Service) -> None:
    nothing = await ask(service, "run the tests")
    assert (nothing.reason, nothing.confidence) == ("no_skills", 0)
    await describe(service, lint="Checks the code")
    for empty in (None, "", "  \n"):
        assert (await ask(service, empty)).reason == "empty_query"


@pytest.mark.parametrize(
    "query",
    ["run " * 25_000, "🎉🚀", "the of and", "テストを実行", "\u202eabc", "a" * 100_000, "'"],
)
async def test_odd_queries_are_answered(described: Service, query: str) -> None:
    answer = await ask(described, query)
    assert bool(answer.recommendations) != bool(answer.reason)


async def test_a_query_in_another_language_finds_its_history(described: Service) -> None:
    await used(described, "deploy", "Bitte den Dienst ausrollen")
    assert names(await ask(described, "den Dienst bitte jetzt ausrollen"))[0] == "deploy"


async def test_one_skill_and_thousands(service: Service) -> None:
    await describe(service, only="Checks the code")
    assert names(await ask(service, "check the code")) == ["only"]
    many = [{"name": f"skill-{n}", "description": f"Handles case {n}"} for n in range(3_000)]
    await service.register_skills(checked(RegisterRequest, skills=many))
    answer = await ask(service, "handles case 2718", limit=10)
    assert len(answer.recommendations) == 10
    assert "skill-2718" in names(answer)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"limit": 0}, "limit must be"),
        ({"limit": 101}, "limit must be"),
        ({"phase_weight": 1.5}, "phase_weight must be"),
        ({"min_similarity": float("nan")}, "min_similarity must be"),
        ({"user_query": "x" * 1_000_001}, "user_query must"),
        ({"user_query": "a\0b"}, "user_query must have no NUL"),
        ({"exclude": [""]}, "exclude"),
        ({"query": "x"}, "query is not"),
    ],
)
def test_bad_input_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        checked(RecommendRequest, **({"user_query": "x"} | fields))


async def test_what_is_similar(described: Service) -> None:
    await describe(described, unit_tests="Run the unit test suite with pytest")
    await ready(described)
    request = checked(SimilarRequest, skill_name="pytest-run", limit=1)
    found = await described.similar_skills(request)
    assert [one.skill_name for one in found.skills] == ["unit-tests"]
    assert 0 < found.skills[0].similarity_score <= 1
    nobody = await described.similar_skills(checked(SimilarRequest, skill_name="nobody"))
    assert (nobody.skills, nobody.reason) == ([], "no_such_skill")


async def test_what_comes_next(service: Service) -> None:
    start = "2026-01-01T10:0{}:00Z"
    for session in "abc":
        for minute, skill in enumerate(("lint", "pytest-run", "git-commit")):
            when = start.format(minute)
            await used(service, skill, None, session_id=session, invoked_at=when)
    await used(service, "lint", None, session_id="d", invoked_at=start.format(1))
    await used(service, "deploy", None, session_id="d", invoked_at=start.format(2))
    await used(service, "lint", None, session_id="now")
    await ready(service)
    answer = await service.get_workflow_recommendations(checked(NextRequest, session_id="now"))
    assert names(answer) == ["pytest-run", "deploy"]
    assert answer.recommendations[0].evidence[0].query == "lint"
    assert "3 of 4 times after lint" in answer.recommendations[0].reason
    unknown = await service.get_workflow_recommendations(checked(NextRequest, session_id="new"))
    assert (unknown.recommendations, unknown.reason) == ([], "no_history")


async def test_what_runs_or_ended_unknown_does_not_come_next(service: Service) -> None:
    times = ["2026-01-01T10:00:00Z", "2026-01-01T10:01:00Z"]
    ends = ["completed", "failed", "pending", "unknown", "unknown"]
    for session, outcome in enumerate(ends):
        use = {"session_id": f"s{session}"}
        await used(service, "lint", None, invoked_at=times[0], **use)
        await used(service, "test", None, invoked_at=times[1], outcome=outcome, **use)
    await used(service, "lint", None, session_id="now")
    await ready(service)
    answer = await service.get_workflow_recommendations(checked(NextRequest, session_id="now"))
    assert "1 of 2 times after lint" in answer.recommendations[0].reason


async def test_two_steps_say_more_than_the_last(service: Service) -> None:
    for session in range(12):
        steps = ("format", "lint", "commit") if session % 2 else ("build", "lint", "deploy")
        for minute, skill in enumerate(steps):
            when = f"2026-01-01T10:0{minute}:00Z"
            await used(service, skill, None, session_id=f"s{session}", invoked_at=when)
    for minute, skill in enumerate(("build", "lint")):
        when = f"2026-01-02T10:0{minute}:00Z"
        await used(service, skill, None, session_id="now", invoked_at=when)
    await used(service, "lint", None, session_id="fresh")
    await ready(service)
    answer = await service.get_workflow_recommendations(checked(NextRequest, session_id="now"))
    assert names(answer) == ["deploy"]
    assert "6 of 6 times after lint" in answer.recommendations[0].reason
    fresh = await service.get_workflow_recommendations(checked(NextRequest, session_id="fresh"))
    assert names(fresh) == ["commit", "deploy"]


async def test_the_last_step_of_the_session_counts(service: Service) -> None:
    await describe(service, a="Checks the code", b="Checks the code")
    for session in "xyz":
        await used(service, "lint", None, session_id=session, invoked_at="2026-01-01T10:00:00Z")
        await used(service, "b", None, session_id=session, invoked_at="2026-01-01T10:01:00Z")
    await used(service, "lint", None, session_id="now")
    await ready(service)
    # A request with words waits 50 ms at most for what comes next; this one waits for it.
    await service.get_workflow_recommendations(checked(NextRequest, session_id="now"))
    answer = await ask(service, "checks the code", session_id="now")
    assert names(answer)[0] == "b"
    assert answer.recommendations[0].evidence[0].kind == "step"


async def test_an_answer_has_an_id_of_its_own(described: Service) -> None:
    answers = [await ask(described, "run the tests") for _ in range(2)]
    ids = {answer.recommendation_id for answer in answers}
    assert len(ids) == 2
    assert all(isinstance(one, UUID) for one in ids)
