"""The tools over plain HTTP, for clients that do not speak MCP: through the same code."""

from __future__ import annotations

from typing import Any

from fastmcp import FastMCP
from fastmcp.exceptions import NotFoundError, ToolError
from mcp_types import TextContent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from session_buddy_skills.errors import InputError, shown
from session_buddy_skills.http_bodies import TooLargeError, body_of, object_of
from session_buddy_skills.mcp_http import REFUSED

# Such clients open a connection a call; one left open costs them a second when it has died.
HEADERS = {"Connection": "close"}


def add_plain_http(mcp: FastMCP[Any]) -> None:
    """Add `GET /health` and `POST /tools/{name}`."""

    @mcp.custom_route("/health", methods=["GET"])
    async def health(_request: Request) -> Response:
        return await _answer(mcp, "health_check", {})

    @mcp.custom_route("/tools/{name}", methods=["POST"])
    async def call_tool(request: Request) -> Response:
        try:
            arguments = object_of(await body_of(request) or b"{}")
        except TooLargeError as error:
            return _failure(413, str(error))
        except InputError as error:
            return _failure(400, str(error))
        return await _answer(mcp, request.path_params["name"], arguments)


async def _answer(mcp: FastMCP[Any], name: str, arguments: dict[str, Any]) -> Response:
    try:
        result = await mcp.call_tool(name, arguments)
    except NotFoundError:
        return _failure(404, f"there is no tool {shown(name)}.")
    except ToolError as error:  # a fault of ours, without its cause
        return _failure(503, str(error))
    [block] = result.content
    assert isinstance(block, TextContent)  # noqa: S101 - every tool of ours answers with text
    if result.is_error:
        return _failure(400 if REFUSED in (result.meta or {}) else 503, block.text)
    return Response(block.text, media_type="application/json", headers=HEADERS)


def _failure(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status, HEADERS)
