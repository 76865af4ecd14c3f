"""Which calls over HTTP are answered in one piece, and which may stream."""

from __future__ import annotations

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from session_buddy_skills.web.streams import MCP_PATH, as_asked

CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{%s"name":"%s","arguments":{}}}'
PROGRESS = '"_meta":{"progressToken":7},'
OLD: dict[str, str] = {}
NEW = {"MCP-Protocol-Version": "2026-07-28"}


def app(name: str) -> Starlette:
    async def answer(request: Request) -> Response:
        return PlainTextResponse(f"{name} read {len(await request.body())}")

    return Starlette(routes=[Route(MCP_PATH, answer, methods=["POST", "GET"])])


@pytest.mark.parametrize(
    ("headers", "progress", "tool", "answers"),
    [
        (OLD, "", "quick", "plain"),
        (OLD, "", "slow", "plain"),
        (OLD, PROGRESS, "quick", "streaming"),
        (NEW | {"Mcp-Name": "quick"}, "", "quick", "plain"),
        (NEW | {"Mcp-Name": "quick"}, PROGRESS, "quick", "streaming"),
        (NEW | {"Mcp-Name": "slow"}, "", "slow", "streaming"),
    ],
)
async def test_a_stream_is_for_progress_and_for_what_takes_long(
    headers: dict[str, str], progress: str, tool: str, answers: str
) -> None:
    transport = httpx2.ASGITransport(as_asked(app("plain"), app("streaming"), {"slow"}))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        body = CALL % (progress, tool)
        answer = await client.post(MCP_PATH, content=body, headers=headers)
        assert answer.text == f"{answers} read {len(body)}"
        assert (await client.get(MCP_PATH)).text == "plain read 0"
