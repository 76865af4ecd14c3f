"""MCP Inspector's command line lists and calls the tools, on both transports."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COMMAND, ROOT, ServerProcess, environment
from tests.node_tools import INSPECTOR, node_command

NAMES = {
    "track_invocation",
    "complete_invocation",
    "record_invocations",
    "session_summary",
    "skill_metrics",
    "workflow_report",
    "phase_transitions",
    "phase_heatmap",
    "get_skill_dependencies",
    "detect_anomalies",
    "acknowledge_anomaly",
    "create_ab_test",
    "list_ab_tests",
    "assign_ab_test",
    "record_ab_test_outcome",
    "analyze_ab_test",
    "stop_ab_test",
    "skill_taxonomy",
    "edit_taxonomy",
    "skill_clusters",
    "get_skill_trend",
    "hourly_metrics",
    "get_real_time_metrics",
    "recent_sessions",
    "recent_invocations",
    "get_community_baselines",
    "get_collaborative_recommendations",
    "skill_effectiveness",
    "workflow_bottlenecks",
    "health_check",
    "export_metrics",
    "import_metrics",
    "record_git_metrics",
    "distilled_skill_health",
    "register_skills",
    "list_skills",
    "recommend_skills",
    "similar_skills",
    "get_workflow_recommendations",
}
TOOL_IS_ERROR = 5


class Inspector:
    """Runs one method after another against one server."""

    def __init__(self, target: list[str], data_dir: Path) -> None:
        self._target = target
        self._data_dir = data_dir

    def run(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        command = [*node_command(INSPECTOR), *self._target, *arguments, "--format", "json", "-q"]
        done = subprocess.run(
            command,
            env=environment(self._data_dir),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, json.loads(done.stdout)["result"]

    def call(self, tool: str, arguments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return self.run(
            "--method", "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments)
        )  # fmt: skip


@pytest.fixture(params=["http", "stdio"])
def inspector(request: pytest.FixtureRequest, tmp_path: Path) -> Inspector:
    if request.param == "stdio":
        return Inspector([*COMMAND, "--isolated"], tmp_path)
    return over_http(request.getfixturevalue("server"), tmp_path)


def over_http(server: ServerProcess, data_dir: Path) -> Inspector:
    return Inspector([f"{server.url}/mcp", "--transport", "http"], data_dir)


@pytest.mark.slow
def test_inspector_lists_every_tool(inspector: Inspector) -> None:
    code, result = inspector.run("--method", "tools/list")
    assert code == 0
    assert {tool["name"] for tool in result["tools"]} == NAMES
    for tool in result["tools"]:
        assert tool["description"]
        assert tool["outputSchema"]["properties"]
        for argument in tool["inputSchema"].get("properties", {}).values():
            assert argument["description"]


@pytest.mark.slow
def test_inspector_writes_and_reads(inspector: Inspector) -> None:
    use = {"session_id": "s", "skill_name": "k"}
    answers = [
        inspector.call("track_invocation", use),
        inspector.call("complete_invocation", use | {"completed": True}),
        inspector.call("session_summary", {"session_id": "s"}),
    ]
    check(answers)
    assert answers[2][1]["structuredContent"]["completed_invocations"] == 1


@pytest.mark.slow
def test_inspector_calls_every_tool(server: ServerProcess, tmp_path: Path) -> None:
    """Over HTTP alone: over standard input and output each call starts a server of its own."""
    inspector = over_http(server, tmp_path)
    use = {"session_id": "s", "skill_name": "k"}
    answers = [
        inspector.call("track_invocation", use | {"user_query": "a", "selection_rank": 1}),
        inspector.call("complete_invocation", use | {"completed": True, "error_type": None}),
        inspector.call("record_invocations", {"invocations": [use | {"outcome": "unknown"}]}),
        inspector.call("session_summary", {"session_id": "s"}),
        inspector.call("skill_metrics", {}),
        inspector.call("health_check", {}),
        inspector.call("export_metrics", {"path": "all.json"}),
        inspector.call("import_metrics", {"path": "../exports/all.json", "kind": "export"}),
        inspector.call("register_skills", {"skills": [{"name": "lint", "description": "Lints."}]}),
        inspector.call("list_skills", {}),
        inspector.call("recommend_skills", {"user_query": "lint this", "session_id": "s"}),
        inspector.call("similar_skills", {"skill_name": "lint"}),
        inspector.call("get_workflow_recommendations", {"session_id": "s"}),
        inspector.call("record_git_metrics", {"session_id": "s", "metrics": {"branch_count": 3}}),
        inspector.call("distilled_skill_health", {"threshold_days": 30}),
    ]
    check(answers)
    assert answers[3][1]["structuredContent"]["total_invocations"] == 2
    exported = json.loads(Path(answers[6][1]["structuredContent"]["path"]).read_text())
    assert len(exported["invocations"]) == 2
    names = [skill["name"] for skill in answers[9][1]["structuredContent"]["skills"]]
    assert names == ["k", "lint"]


@pytest.mark.slow
def test_inspector_calls_every_report(server: ServerProcess, tmp_path: Path) -> None:
    inspector = over_http(server, tmp_path)
    check(
        [
            inspector.call("skill_effectiveness", {"session_id": "s"}),
            inspector.call("workflow_bottlenecks", {"days": 1}),
            inspector.call("workflow_report", {"format": "json"}),
            inspector.call("phase_transitions", {}),
            inspector.call("phase_heatmap", {"metric": "duration"}),
            inspector.call("get_skill_dependencies", {"skill_name": "lint"}),
            inspector.call("detect_anomalies", {"time_window_hours": 12}),
            inspector.call("get_skill_trend", {"skill_name": "lint"}),
            inspector.call("hourly_metrics", {"hours": 3}),
            inspector.call("get_real_time_metrics", {"limit": 5}),
            inspector.call("recent_sessions", {}),
            inspector.call("recent_invocations", {"session_id": "s"}),
            inspector.call("get_community_baselines", {"user_id": "ann"}),
            inspector.call("get_collaborative_recommendations", {"user_id": "ann"}),
            inspector.call("skill_clusters", {}),
            inspector.call("edit_taxonomy", {"action": "fill"}),
            inspector.call("skill_taxonomy", {}),
        ]
    )


@pytest.mark.slow
def test_inspector_runs_an_ab_test(server: ServerProcess, tmp_path: Path) -> None:
    inspector = over_http(server, tmp_path)
    test, user = {"test_name": "ranking"}, {"test_name": "ranking", "user_id": "ann"}
    strategies = {"control_strategy": "semantic", "treatment_strategy": "collaborative"}
    answers = [
        inspector.call("create_ab_test", test | strategies),
        inspector.call("assign_ab_test", user),
        inspector.call("record_ab_test_outcome", user | {"outcome": "completed"}),
        inspector.call("analyze_ab_test", test),
        inspector.call("stop_ab_test", test),
        inspector.call("list_ab_tests", {}),
    ]
    check(answers)
    assert answers[1][1]["structuredContent"]["strategy"] == "collaborative"
    assert answers[3][1]["structuredContent"]["treatment"]["completion_rate"]["n"] == 1


def check(answers: list[tuple[int, dict[str, Any]]]) -> None:
    """Each is an answer, and its text says what its structured content says."""
    for code, result in answers:
        assert code == 0
        said, structured = json.loads(result["content"][0]["text"]), result["structuredContent"]
        assert structured == ({"result": said} if isinstance(said, list) else said)


@pytest.mark.slow
def test_inspector_is_told_what_was_wrong(inspector: Inspector) -> None:
    code, result = inspector.call("track_invocation", {"session_id": "s"})
    assert code == TOOL_IS_ERROR
    assert result["content"][0]["text"] == "skill_name is required."
