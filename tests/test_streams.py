"""Which calls over HTTP are answered in one piece, which may stream, and which end early."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
import uvicorn
from mcp.server import _streamable_http_modern
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from session_buddy_skills.app import build_app, http_app
from session_buddy_skills.settings import Settings
from session_buddy_skills.web.streams import MCP_PATH, WATCHED_AFTER_SECONDS, as_asked

OLD = {"Content-Type": "application/json"}
NEW = OLD | {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call"}
NEW_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
PROGRESS = {"progressToken": 7}


def call(tool: str, arguments: dict[str, Any], meta: dict[str, Any]) -> bytes:
    params = {"name": tool, "arguments": arguments, "_meta": meta}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return json.dumps(message, separators=(",", ":")).encode()


def answering(name: str) -> Starlette:
    async def answer(request: Request) -> Response:
        return PlainTextResponse(f"{name} read {len(await request.body())}")

    return Starlette(routes=[Route(MCP_PATH, answer, methods=["POST", "GET"])])


def client_of(app: ASGIApp) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1")


@pytest.mark.parametrize(
    ("headers", "meta", "answers"),
    [
        (OLD, {}, "plain"),
        (OLD, PROGRESS, "streaming"),
        (OLD | {"Mcp-Name": "slow"}, {}, "plain"),
        (OLD | {"MCP-Protocol-Version": "2025-11-25", "Mcp-Name": "slow"}, {}, "plain"),
        (NEW | {"Mcp-Name": "quick"}, {}, "plain"),
        (NEW | {"Mcp-Name": "quick"}, PROGRESS, "streaming"),
        (NEW | {"Mcp-Name": "slow"}, {}, "streaming"),
    ],
)
async def test_a_stream_is_for_progress_and_for_what_takes_long(
    headers: dict[str, str], meta: dict[str, Any], answers: str
) -> None:
    body = call(headers.get("Mcp-Name", "quick"), {}, meta)
    async with client_of(as_asked(answering("plain"), answering("streaming"), {"slow"})) as client:
        answer = await client.post(MCP_PATH, content=body, headers=headers)
    assert answer.text == f"{answers} read {len(body)}"


async def test_what_is_no_call_is_answered_plainly() -> None:
    async with client_of(as_asked(answering("plain"), answering("streaming"), {"slow"})) as client:
        answer = await client.get(MCP_PATH, headers=NEW | {"Mcp-Name": "slow"})
    assert answer.text == "plain read 0"


@pytest.mark.parametrize("headers", [OLD, NEW], ids=["2025", "2026"])
@pytest.mark.parametrize("begun", [False, True], ids=["unanswered", "answer begun"])
async def test_who_hangs_up_ends_a_call_that_is_not_answered_yet(
    headers: dict[str, str], begun: bool
) -> None:
    body = call("quick", {}, {})
    messages: list[Message] = [{"type": "http.request", "body": body}]
    ended: list[str] = []
    hung_up = anyio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await Request(scope, receive).body()
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        hung_up.set()
        try:
            await anyio.sleep(3 * WATCHED_AFTER_SECONDS)
            ended.append("by itself")
        except anyio.get_cancelled_exc_class():
            ended.append("with its client")
            raise

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        pass

    plain = Starlette()
    plain.mount("/", slow)
    sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": MCP_PATH, "headers": sent}
    with anyio.fail_after(5):
        await as_asked(plain, Starlette(), ())(scope, receive, send)
    assert ended == ["by itself" if begun else "with its client"]


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, http="h11", log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listener])
            yield f"http://127.0.0.1:{listener.getsockname()[1]}{MCP_PATH}"
            server.should_exit = True


async def test_imports_and_exports_tell_that_they_are_under_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_streamable_http_modern, "_SSE_PING_INTERVAL", 0.001)
    (tmp_path / "imports").mkdir()
    rows = [
        {"skill_name": "k", "session_id": str(n), "invoked_at": "2026-01-01T10:00:00Z"}
        for n in range(1_000)
    ]
    (tmp_path / "imports" / "history.json").write_text(json.dumps({"invocations": rows}))
    app = http_app(build_app(Settings.load(data_dir=tmp_path, embedder="none")))
    accepted = {"Accept": "application/json, text/event-stream"}
    found = {}
    async with served(app) as url, httpx2.AsyncClient(timeout=30) as client:
        for tool, arguments in {
            "import_metrics": {"path": "history.json", "kind": "json"},
            "export_metrics": {"path": "export.json"},
            "health_check": {},
            "track_invocation": {"session_id": "s", "skill_name": "k"},
        }.items():
            body = call(tool, arguments, NEW_META)
            headers = NEW | accepted | {"Mcp-Name": tool}
            answer = await client.post(url, content=body, headers=headers)
            found[tool] = answer.headers["Content-Type"].partition(";")[0]
    assert found == {
        "import_metrics": "text/event-stream",
        "export_metrics": "text/event-stream",
        "health_check": "application/json",
        "track_invocation": "application/json",
    }
