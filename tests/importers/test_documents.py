"""Random histories of every shape, stored, against a plain reading of the same history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st

from session_buddy_skills.importers.kinds import BY_KIND
from session_buddy_skills.imports import Kind, Ordered
from session_buddy_skills.models import Invocation
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service
from session_buddy_skills.settings import Settings
from tests.generated import run_cases
from tests.histories import json_file, s0_file, session_buddy_file
from tests.invocations import all_invocations

Record = dict[str, Any]
ZONE = "Europe/Berlin"
SHAPES = ("J0", "J1", "J2", "J3", "J4", "S0", "V1", "V2", "V3", "V4")

names = st.sampled_from(["ruff", "tests", " padded ", "builtins.ValueError", "über-skill", "a'b"])
texts = st.none() | st.sampled_from(["", "fix it", "fix\nthat", "日本"])
DOCUMENTS = 25
CASES = 4
APART = timedelta(days=90)
"""Between the times of one document of a case and the next, so that none has another's record."""
moments = st.datetimes(datetime(2020, 1, 1), datetime(2020, 3, 30)).map(
    lambda time: time.replace(fold=0)
)
uses = st.lists(
    st.fixed_dictionaries(
        {
            "skill_name": names,
            "at": moments,
            "session": st.sampled_from(["one", "two"]),
            "outcome": st.sampled_from(["completed", "failed", "abandoned"]),
            "seconds": st.none() | st.sampled_from([0, 0.01, 3, 7.25]),
            "query": texts,
            "others": st.lists(names, max_size=2),
            "rank": st.none() | st.integers(1, 5),
            "then": st.lists(st.sampled_from(["git commit", "go on"]), max_size=2),
            "path": st.none() | st.sampled_from(["quick", "comprehensive"]),
            "phase": st.none() | st.sampled_from(["setup", "tests"]),
        }
    ),
    min_size=1,
    max_size=6,
)


def time_text(shape: str, at: datetime) -> str:
    """The same moment as each shape writes it; those of J0 to J2 and of databases are local."""
    if shape in ("J3", "J4"):
        text = at.replace(tzinfo=UTC).isoformat()
        return text.replace("+00:00", "Z") if shape == "J4" else text
    return at.strftime("%Y-%m-%d %H:%M:%S") if shape == "S0" else at.isoformat()


def record_of(shape: str, use: Record, case: str) -> Record:
    """What a tracker of this shape has written of a use."""
    completed: Any = use["outcome"] == "completed"
    error = "builtins.OSError" if use["outcome"] == "failed" else None
    common = {"skill_name": use["skill_name"], "error_type": error, "completed": completed}
    if shape == "S0":
        return common | {
            "session_id": f"{use['session']} {case}",
            "user_query": use["query"],
            "workflow_phase": use["phase"],
            "alternatives_considered": use["others"],
            "selection_rank": use["rank"],
            "follow_up_actions": use["then"],
            "created_at": time_text(shape, use["at"]),
            "completed_at": time_text(shape, use["at"] + timedelta(seconds=use["seconds"] or 0)),
        }
    common |= {"invoked_at": time_text(shape, use["at"]), "duration_seconds": use["seconds"],
               "follow_up_actions": use["then"]}  # fmt: skip
    if shape != "J4":
        common["workflow_path"] = use["path"]
    if shape in ("J4", "V3", "V4"):
        common["workflow_phase"] = use["phase"]
    if shape not in ("J0", "J2"):
        common |= {
            "session_id": f"{use['session']} {case}",
            "user_query": use["query"],
            "alternatives_considered": use["others"],
            "selection_rank": use["rank"],
        }
    return common


def written(shape: str, uses: list[Record], case: str, folder: Path) -> tuple[Kind, Path]:
    records = [record_of(shape, use, case) for use in uses]
    if shape == "S0":
        return "s0", s0_file(folder, records)
    if shape.startswith("V"):
        return "session-buddy", session_buddy_file(folder / "s.db", int(shape[1]), records)
    document: Record = {"invocations": records}
    if shape in ("J0", "J1", "J2"):
        document |= {"skills": {}, "last_updated": "2026-01-01T00:00:00"}
    if shape == "J2":
        document |= {"summary": {"total_invocations": len(records)}, "exported_at": "x"}
    return "json", json_file(folder / "a.json", document)


def plain(shape: str, use: Record, case: str) -> tuple[Any, ...]:
    """The row that a use must have become, from what it was, not from what was written of it."""
    zone: Any = UTC if shape in ("J3", "J4", "S0") else ZoneInfo(ZONE)
    at = use["at"].replace(microsecond=0) if shape == "S0" else use["at"]
    seconds = use["seconds"]
    if shape == "J3" and seconds == 0.01:
        seconds = None
    if shape == "S0":
        # Times are whole seconds there, each cut by itself.
        end = (use["at"] + timedelta(seconds=seconds or 0)).replace(microsecond=0)
        seconds = (end - at).total_seconds()
    with_more = shape not in ("J0", "J2")
    return (
        use["skill_name"].strip(),
        at.replace(tzinfo=zone).astimezone(UTC),
        use["outcome"],
        seconds if seconds is None else float(seconds),
        f"{use['session']} {case}" if with_more else case,
        (use["query"] or None) if with_more else None,
        tuple(one.strip() for one in use["others"]) if with_more else (),
        use["rank"] if with_more else None,
        tuple(use["then"]),
        use["path"] if shape not in ("J4", "S0") else None,
        use["phase"] if shape in ("J4", "S0", "V3", "V4") else None,
        "builtins.OSError" if use["outcome"] == "failed" else None,
    )


def row_of(one: Invocation) -> tuple[Any, ...]:
    return (
        one.skill_name,
        one.invoked_at.astimezone(UTC),
        one.outcome.value,
        one.duration_seconds,
        one.session_id,
        one.user_query,
        one.alternatives_considered,
        one.selection_rank,
        one.follow_up_actions,
        one.workflow_path,
        one.workflow_phase,
        one.error_type,
    )


@pytest.fixture(params=[("duckdb", shape) for shape in SHAPES] + [("postgresql", "V4")])
def engine_and_shape(request: pytest.FixtureRequest) -> tuple[str, str]:
    """What is read knows nothing of the engine, so that one shape is enough for the other one."""
    return cast("tuple[str, str]", request.param)


@pytest.fixture
def engine(engine_and_shape: tuple[str, str]) -> str:
    return engine_and_shape[0]


@pytest.fixture
def shape(engine_and_shape: tuple[str, str]) -> str:
    return engine_and_shape[1]


@pytest.mark.slow
def test_what_is_stored_is_a_plain_reading(settings: Settings, tmp_path: Path, shape: str) -> None:
    async def check(service: Service, project: str, made: list[list[Record]]) -> None:
        documents = [
            [use | {"at": use["at"] + number * APART} for use in document]
            for number, document in enumerate(made)
        ]
        everything = [use for document in documents for use in document]
        folders = [tmp_path / project / str(number) for number in range(len(documents))]
        files = [
            written(shape, document, project, folder)
            for document, folder in zip(documents, folders, strict=True)
        ]
        kind = files[0][0]
        paths = [path for _, path in files]
        order = checked(Ordered, kind=kind, paths=paths, timezone=ZONE, session_id=project)
        report = await service.imports.run(BY_KIND[kind], order)
        again = await service.imports.run(BY_KIND[kind], order)
        assert report.run_id
        assert again.run_id
        validation = await service.imports.validate(report.run_id, BY_KIND)
        stored = await all_invocations(service)
        # Before anything is held against it, so that the next case is alone in any case.
        undone = [await service.imports.undo(one) for one in (again.run_id, report.run_id)]
        assert [one.removed for one in undone] == [0, len(everything)]
        assert (report.refused, report.added, again.added) == ([], len(everything), 0)
        assert validation.holds
        assert sorted(map(row_of, stored), key=repr) == sorted(
            [plain(shape, use, project) for use in everything], key=repr
        )

    some = st.lists(uses, min_size=DOCUMENTS, max_size=DOCUMENTS)
    run_cases(settings, check, CASES, made=some)
