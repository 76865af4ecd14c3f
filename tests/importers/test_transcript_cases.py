"""Transcripts that were not recorded: older versions, kills, interruptions, and look-alikes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from session_buddy_skills.errors import InputError
from session_buddy_skills.imports import ImportedInvocation
from tests.claude_code.scenes import SCENES, needs_scenes
from tests.importers.test_transcripts import read

Line = dict[str, Any]
SAME: Line = {"sessionId": "s", "cwd": "/home/u/shop", "timestamp": "2026-01-02T03:04:05Z"}


def asked(text: str, **more: Any) -> Line:
    return SAME | {"type": "user", "message": {"content": text}, "promptSource": "typed"} | more


def called(key: str, name: str, given: Line, **more: Any) -> Line:
    use = {"type": "tool_use", "id": key, "name": name, "input": given}
    message = {"id": f"m-{key}", "model": "m", "content": [use], "stop_reason": "tool_use"}
    return SAME | {"type": "assistant", "message": message} | more


def answered(key: str, text: str = "ok", **more: Any) -> Line:
    result = {"type": "tool_result", "tool_use_id": key, "content": text}
    if "is_error" in more:
        result["is_error"] = more.pop("is_error")
    return SAME | {"type": "user", "message": {"content": [result]}} | more


def said(text: str, reason: str | None = "end_turn", **more: Any) -> Line:
    content = [{"type": "text", "text": text}]
    message = {"id": f"m-{text}", "model": "m", "content": content}
    if reason:
        message["stop_reason"] = reason
    return SAME | {"type": "assistant", "message": message} | more


def told(folder: Path, *lines: Line, name: str = "s.jsonl") -> list[ImportedInvocation]:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read(folder)


def outcomes(found: list[ImportedInvocation]) -> dict[str, tuple[str, str | None]]:
    return {one.skill_name: (one.resolved_outcome.value, one.error_type) for one in found}


def test_subagents_among_the_lines_of_the_session(tmp_path: Path) -> None:
    side: Line = {"isSidechain": True}
    found = told(
        tmp_path,
        asked("review it"),
        called("t1", "Task", {"subagent_type": "reviewer", "prompt": "look"}, uuid="a"),
        asked("look", uuid="b", parentUuid=None, **side),
        called("t2", "Skill", {"skill": "lint"}, uuid="c", parentUuid="b", **side),
        answered("t2", uuid="d", parentUuid="c", **side),
        said("fine", None, uuid="e", parentUuid="d", **side),
        answered("t1", uuid="f", parentUuid="a"),
        said("all is well"),
    )
    assert outcomes(found) == {"reviewer": ("completed", None), "lint": ("completed", None)}
    assert [(one.called_by, one.agent_id, one.user_query) for one in found] == [
        ("model", None, "review it"),
        ("subagent", "b", "review it"),
    ]


def test_subagents_beside_the_session_s_file(tmp_path: Path) -> None:
    told(
        tmp_path,
        asked("look", isSidechain=True, agentId="x1"),
        called("t2", "Skill", {"skill": "lint"}, isSidechain=True, agentId="x1"),
        said("fine", isSidechain=True, agentId="x1"),
        name="agent-x1.jsonl",
    )
    found = told(
        tmp_path,
        asked("review it"),
        called("t1", "Task", {"subagent_type": "reviewer"}),
        answered("t1", toolUseResult={"status": "completed", "agentId": "x1"}),
        said("done"),
    )
    assert [(one.skill_name, one.called_by, one.agent_id, one.user_query) for one in found] == [
        ("reviewer", "model", None, "review it"),
        ("lint", "subagent", "x1", "review it"),
    ]


def test_only_skills_of_plugins_get_the_name_that_is_told_later(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        asked("go"),
        called("t1", "Skill", {"skill": "changelog"}),
        answered("t1", "Unknown skill: changelog", is_error=True),
        called("t2", "Agent", {"subagent_type": "reviewer"}),
        answered("t2", toolUseResult={"status": "completed"}),
        called("t3", "Skill", {"skill": "lint"}),
        answered("t3"),
        *(said(name, "tool_use", attributionSkill=f"acme:{name}")
          for name in ("changelog", "reviewer", "lint")),
        said("done"),
    )  # fmt: skip
    assert outcomes(found) == {
        "changelog": ("failed", "unknown_skill"),
        "reviewer": ("completed", None),
        "acme:lint": ("completed", None),
    }


def test_text_that_begins_like_a_command_is_none(tmp_path: Path) -> None:
    local = SAME | {"type": "system", "subtype": "local_command", "content": "x"}
    interrupted = asked("[Request interrupted by user]", promptSource=None)
    found = told(
        tmp_path,
        *(asked("/etc/hosts is wrong", promptSource=None), local),
        *(asked("/lint this", promptSource=None), interrupted, local),
        *(asked("/lint that", promptSource="typed"), local),
    )
    assert found == []


def test_what_a_subagent_was_at_is_interrupted_with_its_caller(tmp_path: Path) -> None:
    told(
        tmp_path,
        asked("look", agentId="x1"),
        called("t2", "Skill", {"skill": "lint"}, agentId="x1"),
        name="s/subagents/agent-x1.jsonl",
    )
    (tmp_path / "s/subagents/agent-x1.meta.json").write_text('{"toolUseId": "t1"}')
    found = told(
        tmp_path,
        asked("review it"),
        called("t1", "Agent", {"subagent_type": "reviewer"}),
        answered("t1", "no", toolDenialKind="user-rejected", is_error=True),
        asked("[Request interrupted by user for tool use]", promptSource=None),
    )
    assert outcomes(found) == {"reviewer": ("abandoned", None), "lint": ("abandoned", None)}


def test_a_call_that_the_user_refused_has_failed(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        asked("go"),
        called("t1", "Skill", {"skill": "lint"}),
        answered("t1", "no", toolDenialKind="user-rejected", toolDenialBeforeRun=True,
                 is_error=True),
        asked("[Request interrupted by user for tool use]", promptSource=None),
    )  # fmt: skip
    assert outcomes(found) == {"lint": ("failed", "rejected_by_user")}


def test_an_end_that_is_told_while_the_model_is_at_work(tmp_path: Path) -> None:
    notice = (
        "<task-notification>\n<task-id>x1</task-id>\n<tool-use-id>t1</tool-use-id>\n"
        "<status>failed</status>\n</task-notification>"
    )
    queued = {"type": "queued_command", "prompt": notice, "commandMode": "task-notification"}
    found = told(
        tmp_path,
        asked("go"),
        called("t1", "Agent", {"subagent_type": "reviewer"}),
        answered("t1", toolUseResult={"status": "async_launched", "agentId": "x1"}),
        SAME | {"type": "attachment", "attachment": queued},
        said("done"),
    )
    assert outcomes(found) == {"reviewer": ("failed", None)}


def test_the_service_s_error_is_named(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        asked("go"),
        called("t1", "Skill", {"skill": "lint"}),
        answered("t1"),
        said("overloaded", isApiErrorMessage=True, error={"type": "overloaded_error"}),
    )
    assert outcomes(found) == {"lint": ("failed", "api_error:overloaded_error")}


def test_a_folder_called_subagents_above_changes_nothing(tmp_path: Path) -> None:
    found = told(tmp_path / "subagents", asked("go"), called("t1", "Skill", {"skill": "lint"}))
    assert [(one.called_by, one.user_query) for one in found] == [("model", "go")]


def test_links_that_lead_nowhere_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.jsonl").mkdir()
    assert len(told(tmp_path, asked("go"), called("t1", "Skill", {"skill": "lint"}))) == 1


@needs_scenes
def test_a_skill_with_a_context_of_its_own(tmp_path: Path) -> None:
    """It begins where the user asked; killed before its end it shows by its subagent alone."""
    shutil.copytree(SCENES / "10b-fork-skill-by-slash" / "transcript", tmp_path / "t")
    [whole] = read(tmp_path / "t")
    assert whole.duration_seconds is None
    assert whole.invoked_at is not None
    assert whole.ended_at is not None
    assert 0.5 < (whole.ended_at - whole.invoked_at).total_seconds() < 1
    assert (whole.model, whole.input_tokens) == ("claude-opus-5-5", 50)
    [main] = [one for one in (tmp_path / "t").rglob("*.jsonl") if "subagents" not in one.parts]
    lines = main.read_text().splitlines(keepends=True)
    main.write_text("".join(line for line in lines if '"local_command"' not in line))
    [killed] = read(tmp_path / "t")
    assert killed.invocation_id == whole.invocation_id
    assert killed.skill_name == "deep-audit"


def test_a_file_without_a_line_of_a_transcript_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hooks.jsonl"
    path.write_text('{"captured_at": "x"}\n')
    with pytest.raises(InputError, match="has no line of a transcript of Claude Code"):
        read(path)
    assert len(told(tmp_path, asked("go"), called("t1", "Skill", {"skill": "lint"}))) == 1
