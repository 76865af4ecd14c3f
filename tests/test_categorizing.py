"""Kinds of skills: by hand, by rule, and both."""

from __future__ import annotations

from typing import Any

import pytest

from session_buddy_skills.catalog import RegisterRequest
from session_buddy_skills.errors import InputError
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service
from session_buddy_skills.taxonomy import (
    Category,
    EditTaxonomyRequest,
    Taxonomy,
    TaxonomyRequest,
)
from session_buddy_skills.workflow import BottleneckRequest
from tests.invocations import record

SKILLS = [
    {"name": "pytest-run", "description": "Run the test suite."},
    {"name": "speedtest", "description": "Measure the network."},
    {"name": "deploy", "description": "Ship it with Kubernetes, and run a test of it."},
    {"name": "poet", "description": "Write verses."},
    {"name": "draw", "description": "Make a picture.", "modality": "Image"},
    {"name": "sing", "description": "Sing a song of code.", "modality": "voice"},
]


@pytest.fixture
async def described(service: Service) -> Service:
    await service.register_skills(checked(RegisterRequest, skills=SKILLS))
    return service


async def edit(service: Service, action: str, **fields: Any) -> Taxonomy:
    request = checked(EditTaxonomyRequest, action=action, **fields)
    return await service.analyses.taxonomy.edit(request)


def category(found: Taxonomy, name: str, kind: str = "category") -> Category:
    [one] = [one for one in found.categories if (one.kind, one.name) == (kind, name)]
    return one


def members(one: Category) -> dict[str, str]:
    return {skill.skill_name: skill.source for skill in one.skills}


async def test_rules_fill_by_whole_words_and_beginnings(described: Service) -> None:
    found = await edit(described, "fill")
    assert members(category(found, "testing")) == {"deploy": "rule", "pytest-run": "rule"}
    assert members(category(found, "deployment")) == {"deploy": "rule"}
    assert {"poet", "speedtest"} <= set(found.uncategorized)
    assert "deploy" not in found.uncategorized


async def test_a_phrase_is_words_in_a_row(described: Service) -> None:
    await edit(described, "set", name="suites", words=["test suite", "write-verses"])
    found = await edit(described, "fill")
    assert members(category(found, "suites")) == {"pytest-run": "rule", "poet": "rule"}


async def test_a_skill_has_one_modality_and_its_own_word_for_it_counts(described: Service) -> None:
    found = await edit(described, "fill")
    assert members(category(found, "image", "modality")) == {"draw": "stated"}
    assert members(category(found, "voice", "modality")) == {"sing": "stated"}
    assert members(category(found, "testing", "modality")) == {"pytest-run": "rule"}
    assert members(category(found, "deployment", "modality")) == {"deploy": "rule"}
    again = await edit(described, "assign", kind="modality", name="audio", skill_name="sing")
    assert members(category(again, "audio", "modality")) == {"sing": "manual"}
    found = await edit(described, "fill")
    assert members(category(found, "audio", "modality")) == {"sing": "manual"}


async def test_what_is_done_by_hand_stays(described: Service) -> None:
    await edit(described, "assign", name="research", skill_name="poet")
    await edit(described, "exclude", name="testing", skill_name="deploy")
    for _ in range(2):
        found = await edit(described, "fill")
        assert members(category(found, "research")) == {"poet": "manual"}
        assert members(category(found, "testing")) == {"pytest-run": "rule"}
        assert category(found, "testing").excluded == ["deploy"]
    found = await edit(described, "assign", name="testing", skill_name="deploy")
    assert members(category(found, "testing"))["deploy"] == "manual"
    assert category(found, "testing").excluded == []


async def test_a_changed_rule_lets_go_of_what_it_no_longer_says(described: Service) -> None:
    await edit(described, "fill")
    found = await edit(described, "set", name="testing", words=["suite"], description="Suites.")
    assert category(found, "testing").description == "Suites."
    found = await edit(described, "fill")
    assert members(category(found, "testing")) == {"pytest-run": "rule"}


async def test_what_is_not_given_stays_as_it_was(service: Service) -> None:
    await edit(service, "set", name="arts", words=["verses"], description="Art.")
    found = await edit(service, "set", name="arts", description="Arts.")
    assert (category(found, "arts").words, category(found, "arts").description) == (
        ["verses"],
        "Arts.",
    )
    found = await edit(service, "set", name="arts", words=[])
    assert (category(found, "arts").words, category(found, "arts").description) == ([], "Arts.")


async def test_a_category_that_is_removed_stays_away(described: Service) -> None:
    await edit(described, "fill")
    await edit(described, "remove", name="testing")
    found = await edit(described, "fill")
    kinds = [(one.kind, one.name) for one in found.categories]
    assert ("category", "testing") not in kinds
    assert ("modality", "testing") in kinds
    with pytest.raises(InputError, match='no category "testing" is known; there is a modality'):
        await edit(described, "assign", name="testing", skill_name="poet")


async def test_nothing_is_filled_before_it_is_asked_for(described: Service) -> None:
    found = await described.analyses.taxonomy.taxonomy(TaxonomyRequest())
    assert all(not one.skills for one in found.categories)
    assert found.uncategorized == sorted(one["name"] for one in SKILLS)


async def test_phases_have_stages_that_users_extend(service: Service) -> None:
    use = {"session_id": "s", "skill_name": "k", "outcome": "completed"}
    phases = ("fast_hooks", "publishing", "my_phase")
    await record(service, [use | {"workflow_phase": phase} for phase in phases])

    async def stages() -> dict[str, str]:
        found = await service.analyses.workflow.bottlenecks(BottleneckRequest())
        return {one.workflow_phase: one.stage for one in found.bottlenecks}

    assert await stages() == {
        "fast_hooks": "verification",
        "publishing": "deployment",
        "my_phase": "other",
    }
    found = await edit(service, "stage", workflow_phase="my_phase", stage="setup")
    assert ("my_phase", "setup") in {(one.workflow_phase, one.stage) for one in found.stages}
    assert (await stages())["my_phase"] == "setup"
