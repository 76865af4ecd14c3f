"""Each shape by a small history in a folder of its own, beside what must come of it.

Times without a zone are those of Berlin: an hour before UTC in winter, two in summer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from session_buddy_skills.importers.kinds import BY_KIND
from session_buddy_skills.imports import ImportedInvocation, Kind, Options
from tests.histories import s0_file, session_buddy_file

SHAPES = sorted((Path(__file__).parent / "shapes").iterdir())
REAL_S0 = Path(__file__).parents[3] / "shared" / "data" / "legacy" / "s0" / "skills.db"
BERLIN = Options(ZoneInfo("Europe/Berlin"))


def history(shape: Path, folder: Path) -> tuple[Kind, Path]:
    """The kind of a history, and where it is."""
    if (document := shape / "document.json").exists():
        return "json", document
    rows = json.loads((shape / "rows.json").read_text())
    if shape.name == "s0":
        return "s0", s0_file(folder / "skills.db", rows)
    version = int(shape.name.removeprefix("v"))
    return "session-buddy", session_buddy_file(folder / "skills.db", version, rows)


def read(kind: Kind, path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Everything in a history, and how its own totals differ."""
    records: list[dict[str, Any]] = []
    differences: list[str] = []
    for source in BY_KIND[kind].open(path, BERLIN):
        for one in source.records():
            assert isinstance(one, ImportedInvocation)
            records.append(one.stated() | {"outcome": one.resolved_outcome.value})
        differences += source.differences()
    return records, differences


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_history_reads_as_its_folder_says(shape: Path, tmp_path: Path) -> None:
    expected = json.loads((shape / "expected.json").read_text())
    records, differences = read(*history(shape, tmp_path))
    assert len(records) == len(expected["invocations"])
    for found, told in zip(records, expected["invocations"], strict=True):
        if "ended_at" in found:
            found["duration_seconds"] = (found["ended_at"] - found["invoked_at"]).total_seconds()
        found["invoked_at"] = found["invoked_at"].isoformat()
        assert {name: found.get(name) for name in told} == told
    assert differences == expected["differences"]


@pytest.mark.skipif(not REAL_S0.exists(), reason="../shared/data/legacy is not there")
def test_the_real_folder_of_crackerjack() -> None:
    """As ../shared/data/README.md tells of it."""
    [record] = read("s0", REAL_S0)[0]
    told = {name: record[name] for name in ("session_id", "skill_name", "user_query", "outcome")}
    assert told == {"session_id": "test-session", "skill_name": "test-agent",
                    "user_query": "Test query", "outcome": "completed"}  # fmt: skip
    assert record["workflow_phase"] == "testing"
    assert record["follow_up_actions"] == ["action1", "action2"]
    assert record["invoked_at"].isoformat() == "2026-02-12T06:38:52+00:00"
    assert sorted(one.name for one in REAL_S0.iterdir()) == ["skills.db"]
