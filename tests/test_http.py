"""A real server process over HTTP: MCP, the tools as plain HTTP, and what guards them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import httpx2
import pytest
from fastmcp import Client

from tests.conftest import ServerProcess, run_command, start_server

CLIENT_HEADERS = {"Accept": "application/json, text/event-stream"}


def post(server: ServerProcess, path: str, body: Any, **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    json_headers = {"Content-Type": "application/json"} | headers
    return httpx2.post(server.url + path, content=content, headers=json_headers)


def rpc(server: ServerProcess, method: str, params: dict[str, Any]) -> httpx2.Response:
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return post(server, "/mcp", message, **CLIENT_HEADERS)


async def test_a_client_records_and_asks(shared_server: ServerProcess) -> None:
    async with Client(f"{shared_server.url}/mcp") as client:
        start = {"session_id": "mcp", "skill_name": "pytest-run", "user_query": "run the tests"}
        started = (await client.call_tool("track_invocation", start)).data
        await client.call_tool(
            "complete_invocation", {"invocation_id": started.invocation_id, "completed": True}
        )
        summary = (await client.call_tool("session_summary", {"session_id": "mcp"})).data
    assert summary.completed_invocations == 1


def test_what_crackerjack_calls_without_initialize(shared_server: ServerProcess) -> None:
    start = {
        "session_id": "bare",
        "skill_name": "RefactoringAgent",
        "user_query": None,
        "alternatives_considered": None,
        "selection_rank": None,
        "workflow_phase": None,
    }
    end = {
        "session_id": "bare",
        "skill_name": "RefactoringAgent",
        "completed": False,
        "follow_up_actions": None,
        "error_type": "builtins.ValueError",
    }
    for tool, arguments in (
        ("track_invocation", start),
        ("complete_invocation", end),
        ("health_check", {}),
    ):
        response = rpc(shared_server, "tools/call", {"name": tool, "arguments": arguments})
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("application/json")
        result = response.json()["result"]
        assert not result["isError"]
        assert json.loads(result["content"][0]["text"]) == result["structuredContent"]


def test_a_bad_call_is_a_tool_error_and_not_an_http_error(empty_server: ServerProcess) -> None:
    response = rpc(empty_server, "tools/call", {"name": "track_invocation", "arguments": {}})
    assert response.status_code == 200
    assert response.json()["result"]["isError"] is True


def test_plain_http_answers_with_the_tool_s_json(server: ServerProcess) -> None:
    started = post(server, "/tools/track_invocation", {"session_id": "s", "skill_name": "k"})
    assert started.status_code == 200
    assert started.headers["connection"] == "close"
    assert started.json()["outcome"] == "pending"
    health = httpx2.get(f"{server.url}/health")
    assert health.status_code == 200
    assert health.headers["connection"] == "close"
    assert health.json()["invocations"] == 1
    assert post(server, "/tools/health_check", b"").json()["status"] == "ok"


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/tools/track_invocation", {"session_id": "s"}, 400, "skill_name is required."),
        ("/tools/track", {}, 404, 'there is no tool "track".'),
        ("/tools/track_invocation", [1], 400, "the body must be a JSON object, not [1]."),
        (
            "/tools/track_invocation",
            b'{"session_id": ',
            400,
            "the body must be a JSON object: EOF while parsing a value at line 1 column 15.",
        ),
        (
            "/tools/complete_invocation",
            b'{"session_id": "s", "skill_name": "k", "completed": true, "duration_seconds": NaN}',
            400,
            "duration_seconds must be a finite number, not NaN.",
        ),
        (
            "/tools/complete_invocation",
            b'{"session_id":"s","skill_name":"k","completed":true,"duration_seconds":-Infinity}',
            400,
            "duration_seconds must be a finite number, not -Infinity.",
        ),
        (
            "/tools/track_invocation",
            b'{"session_id": "s", "skill_name": "\\ud800"}',
            400,
            "the body must be a JSON object: unexpected end of hex escape at line 1 column 42.",
        ),
    ],
)
def test_plain_http_refuses_bad_input(
    empty_server: ServerProcess, path: str, body: Any, status: int, error: str
) -> None:
    response = post(empty_server, path, body)
    assert (response.status_code, response.json()) == (status, {"error": error})
    assert httpx2.get(f"{empty_server.url}/health").json()["invocations"] == 0


@pytest.mark.parametrize("path", ["/tools/track_invocation", "/mcp"])
def test_a_body_that_is_too_large_is_refused(empty_server: ServerProcess, path: str) -> None:
    response = post(empty_server, path, b'{"a": "' + b"x" * 5_000_000 + b'"}', **CLIENT_HEADERS)
    assert response.status_code == 413
    assert httpx2.get(f"{empty_server.url}/health").json()["invocations"] == 0


@pytest.mark.parametrize("path", ["/mcp", "/tools/health_check"])
@pytest.mark.parametrize("header", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_a_web_page_cannot_reach_it(
    empty_server: ServerProcess, path: str, header: dict[str, str]
) -> None:
    response = post(empty_server, path, {}, **header)
    assert response.status_code in {403, 421}


def test_sigterm_finishes_and_exits_with_zero(server: ServerProcess) -> None:
    post(server, "/tools/track_invocation", {"session_id": "s", "skill_name": "k"})
    assert server.stop() == 0
    assert run_command(server.data_dir, "db", "check").stdout == "1 invocation read, no faults\n"


def test_sigterm_under_load_loses_no_answered_write(server: ServerProcess) -> None:
    answered: list[str] = []

    def write() -> None:
        with httpx2.Client(base_url=server.url) as client:
            while True:
                body = {"session_id": "s", "skill_name": "k"}
                answer = client.post("/tools/track_invocation", json=body)
                if answer.status_code != 200:
                    return
                answered.append(answer.json()["invocation_id"])

    with ThreadPoolExecutor(8) as writers:
        running = [writers.submit(write) for _ in range(8)]
        while len(answered) < 100:
            time.sleep(0.01)
        assert server.stop() == 0
        assert all(isinstance(one.exception(), httpx2.TransportError | None) for one in running)
    with duckdb.connect(str(server.data_dir / "skills.duckdb")) as connection:
        rows = connection.execute("SELECT invocation_id::TEXT FROM skill_invocation").fetchall()
    assert {key for (key,) in rows} >= set(answered)


def test_a_port_in_use_is_said_in_one_sentence(empty_server: ServerProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_command(empty_server.data_dir / "other", "serve", "--port", str(port))
    assert done.returncode == 69
    assert done.stderr == (
        f"session-buddy-skills: cannot listen on 127.0.0.1 port {port}: Address already in use; "
        "choose another with --host and --port.\n"
    )


def test_a_database_that_is_held_is_said_in_one_sentence(empty_server: ServerProcess) -> None:
    database = empty_server.data_dir / "skills.duckdb"
    for command in (["serve", "--port", "0"], ["--isolated"], ["db", "status"], ["db", "backup"]):
        done = run_command(empty_server.data_dir, *command)
        assert done.returncode == 75
        assert done.stdout == ""
        assert done.stderr.startswith(
            f"session-buddy-skills: the database {database} is held by another process ("
        )
        assert f"process id {empty_server.process.pid})" in done.stderr
        assert done.stderr.count("\n") == 1


ERAS = {
    "2025-11-25": ({}, {}),
    "2026-07-28": (
        {
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/call",
            "Mcp-Name": "import_metrics",
        },
        {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    ),
}


def long_call(server: ServerProcess, era: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Headers and message of a call that takes a second, with what is recorded nowhere yet."""
    name = uuid4().hex
    rows = [
        {"skill_name": "k", "session_id": f"{name} {n}", "invoked_at": "2026-01-01T10:00:00Z"}
        for n in range(20_000)
    ]
    folder = server.data_dir / "imports"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({"invocations": rows}))
    headers, meta = ERAS[era]
    arguments = {"path": f"{name}.json", "kind": "json"}
    params = {"name": "import_metrics", "arguments": arguments, "_meta": dict(meta)}
    return headers, {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


@pytest.mark.parametrize("padding", [0, 200_000])
@pytest.mark.parametrize("era", ERAS)
def test_who_hangs_up_without_progress_ends_the_call_too(
    shared_server: ServerProcess, era: str, padding: int
) -> None:
    headers, message = long_call(shared_server, era)
    message["params"]["_meta"]["example/padding"] = "x" * padding
    url, sent = f"{shared_server.url}/mcp", CLIENT_HEADERS | headers
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(url, json=message, headers=sent, timeout=httpx2.Timeout(10, read=0.1))
    answer = httpx2.post(url, json=message, headers=sent, timeout=60)
    # Nothing of the first was written.
    assert answer.json()["result"]["structuredContent"]["added"] == 20_000


@pytest.mark.parametrize("era", ERAS)
def test_progress_is_streamed_and_who_hangs_up_ends_the_call(
    shared_server: ServerProcess, era: str
) -> None:
    headers, message = long_call(shared_server, era)
    message["params"]["_meta"]["progressToken"] = 7

    url, sent = f"{shared_server.url}/mcp", CLIENT_HEADERS | headers

    def events(hang_up: bool) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        with httpx2.stream("POST", url, json=message, headers=sent, timeout=60) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    found.append(json.loads(line.removeprefix("data: ")))
                    if hang_up:
                        break
        return found

    [first] = events(hang_up=True)
    assert (first["method"], first["params"]["progressToken"]) == ("notifications/progress", 7)
    *told, last = events(hang_up=False)
    assert {one["method"] for one in told} == {"notifications/progress"}
    # Nothing of the first was written, then or later.
    assert last["result"]["structuredContent"]["added"] == 20_000
    del message["params"]["_meta"]["progressToken"]
    answer = httpx2.post(url, json=message, headers=sent, timeout=60)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["result"]["structuredContent"]["added"] == 0


async def test_the_internal_listing_before_each_call_stays_off() -> None:
    # On the newest protocol the SDK looks for a tool's schema before each call; app.py answers
    # None. If the library drops the hook, the attribute no longer decides anything.
    from mcp.server import _streamable_http_modern as modern

    from session_buddy_skills.app import build_app

    assert "app.get_tool_input_schema" in __import__("inspect").getsource(
        modern._mcp_param_rejection
    )
    lookup = build_app()._mcp_server.get_tool_input_schema
    assert lookup is not None
    assert lookup("track_invocation") is None


async def test_a_tool_is_found_without_asking_the_providers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # If FastMCP finds tools in another way one day, what app.py overrides is of no use any more.
    from fastmcp.server.providers import LocalProvider

    from session_buddy_skills.app import build_app
    from session_buddy_skills.settings import Settings

    asked = []

    async def ask(_provider: LocalProvider, name: str, _version: object = None) -> None:
        asked.append(name)

    monkeypatch.setattr(LocalProvider, "_get_tool", ask)
    async with Client(build_app(Settings.load(data_dir=tmp_path, embedder="none"))) as client:
        health = await client.call_tool("health_check", {})
        assert health.data.invocations == 0
        assert asked == []
        unknown = await client.call_tool("no_such_tool", {}, raise_on_error=False)
    assert unknown.is_error
    assert "Unknown tool" in unknown.content[0].text
    assert asked == ["no_such_tool"]


def test_no_middleware_has_to_do_with_calls(tmp_path: Path) -> None:
    # app.py leaves it out of them; one that is added one day may want to see calls.
    from fastmcp.server.middleware import Middleware

    from session_buddy_skills.app import build_app
    from session_buddy_skills.settings import Settings

    server = build_app(Settings.load(data_dir=tmp_path, embedder="none"))
    for one in server.middleware:
        for hook in ("__call__", "on_message", "on_request", "on_call_tool"):
            assert getattr(type(one), hook) is getattr(Middleware, hook), (one, hook)


@pytest.mark.parametrize(
    ("provider", "stated", "mode"),
    [
        (None, "native", "propagation_only"),
        (None, "off", "off"),
        ("trace.NoOpTracerProvider()", "native", "native"),
    ],
)
def test_spans_are_made_where_somebody_collects_them(
    provider: str | None, stated: str, mode: str
) -> None:
    # In a process of its own: a provider is set once in the life of one.
    program = (
        "import fastmcp; from opentelemetry import trace; "
        "from session_buddy_skills.cli.serving import no_spans_without_sdk; "
        f"provider = {provider}; provider and trace.set_tracer_provider(provider); "
        "no_spans_without_sdk(); print(fastmcp.settings.telemetry_mode)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "FASTMCP_TELEMETRY_MODE": stated},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == mode


def test_a_client_that_offers_to_upgrade_is_answered(shared_server: ServerProcess) -> None:
    """As Java's does with each request; its body is the request's all the same."""
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAEA"}
    told = {"session_id": "s", "skill_name": "upgraded"}
    url = f"{shared_server.url}/tools/track_invocation"
    answer = httpx2.post(url, json=told, headers=offer)
    assert (answer.status_code, answer.json()["skill_name"]) == (200, "upgraded")


def test_two_servers_have_two_databases(empty_server: ServerProcess) -> None:
    other = start_server(empty_server.data_dir / "other")
    try:
        post(other, "/tools/track_invocation", {"session_id": "s", "skill_name": "k"})
        assert httpx2.get(f"{empty_server.url}/health").json()["invocations"] == 0
        assert httpx2.get(f"{other.url}/health").json()["invocations"] == 1
    finally:
        assert other.stop() == 0
