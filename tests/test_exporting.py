from __future__ import annotations

import json
from pathlib import Path

import pytest

from session_buddy_skills.errors import StorageError
from session_buddy_skills.models import CALL_FIELDS, BatchRequest, Invocation
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service
from tests.conftest import NewSettings
from tests.invocations import invocations, record


async def test_export_holds_everything_and_agrees_with_the_tools(service: Service) -> None:
    await record(service, invocations())
    export = await service.export_metrics(Path("all.json"))
    text = Path(export.path).read_text(encoding="utf-8")
    assert len(text.encode()) == export.bytes
    data = json.loads(text)
    assert set(data) == {"summary", "skills", "invocations", "last_updated"}
    assert data["summary"]["total_invocations"] == len(data["invocations"]) == 700
    metrics = await service.skill_metrics("lint")
    expected = metrics.skills[0].model_dump(mode="json", exclude={"skill_name"})
    # Means are rounded, since their last digits depend on the order of what is added up.
    expected["duration"]["mean_seconds"] = round(expected["duration"]["mean_seconds"], 6)
    expected["avg_selection_rank"] = round(expected["avg_selection_rank"], 6)
    assert data["skills"]["lint"] == expected
    assert set(data["invocations"][0]) == {*Invocation.__slots__, "completed"} - set(CALL_FIELDS)
    times = [one["invoked_at"] for one in data["invocations"]]
    assert times == sorted(times)


async def test_export_of_nothing_is_whole(service: Service) -> None:
    export = await service.export_metrics(Path("none.json"))
    assert json.loads(Path(export.path).read_text())["invocations"] == []


async def test_an_export_recorded_elsewhere_is_the_same_record(
    service: Service, new_settings: NewSettings
) -> None:
    await record(service, invocations())
    first = await service.export_metrics(Path("all.json"))
    whole = json.loads(Path(first.path).read_text())["invocations"]
    async with open_service(new_settings("other")) as other:
        await other.record_invocations(checked(BatchRequest, invocations=whole))
        second = await other.export_metrics(Path("all.json"))
    assert json.loads(Path(second.path).read_text())["invocations"] == whole


async def test_an_export_that_fails_leaves_the_older_one(service: Service, tmp_path: Path) -> None:
    export = await service.export_metrics(Path("all.json"))
    before = Path(export.path).read_text()
    folder = Path(export.path).parent
    folder.rename(tmp_path / "kept")
    folder.write_text("a file where the folder was")
    with pytest.raises(StorageError, match="could not be written"):
        await service.export_metrics(Path("all.json"))
    assert (tmp_path / "kept" / "all.json").read_text() == before
