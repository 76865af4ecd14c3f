"""Puts the server together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastmcp import FastMCP
from fastmcp.tools.base import Tool, ToolResult
from fastmcp.utilities.versions import VersionSpec
from starlette.types import ASGIApp

from session_buddy_skills.capture.otlp import add_otlp
from session_buddy_skills.capture.suggesting import add_suggesting
from session_buddy_skills.importers.kinds import BY_KIND
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.taking_in import taking_in
from session_buddy_skills.tools.ab_testing import AB_TESTING_TOOLS
from session_buddy_skills.tools.analysing import ANALYSING_TOOLS
from session_buddy_skills.tools.catalog import CATALOG_TOOLS
from session_buddy_skills.tools.crackerjack import CRACKERJACK_TOOLS
from session_buddy_skills.tools.importing import importing_tools
from session_buddy_skills.tools.reading import READING_TOOLS
from session_buddy_skills.tools.recommending import RECOMMENDING_TOOLS
from session_buddy_skills.tools.recording import RECORDING_TOOLS
from session_buddy_skills.tools.resources import PROMPTS, RESOURCES, TEMPLATES
from session_buddy_skills.version import VERSION
from session_buddy_skills.web.plain_http import add_plain_http
from session_buddy_skills.web.streams import MCP_PATH, as_asked
from session_buddy_skills.web.token import asking_for

INSTRUCTIONS = (
    "Records every use of a skill and answers from the record: skill_metrics and session_summary "
    "tell what happened, recommend_skills what fits. Skills and subagents of Claude Code are "
    "captured by themselves where the plugin is installed; of anything else call track_invocation "
    "when it starts and complete_invocation when it ends."
)

TOOLS = (
    *RECORDING_TOOLS,
    *READING_TOOLS,
    *ANALYSING_TOOLS,
    *AB_TESTING_TOOLS,
    *CATALOG_TOOLS,
    *RECOMMENDING_TOOLS,
    *importing_tools(BY_KIND),
    *CRACKERJACK_TOOLS,
)

_BY_NAME = {tool.name: tool for tool in TOOLS}


class _Server(FastMCP[Any]):
    """Calls its tools straight away.

    FastMCP would look for each with a task for each of its providers, and hand the call through
    middleware, none of which has to do with calls.
    """

    async def get_tool(self, name: str, version: VersionSpec | None = None) -> Tool | None:
        return _BY_NAME.get(name) or await super().get_tool(name, version)

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        *,
        version: VersionSpec | None = None,
        run_middleware: bool = True,
    ) -> ToolResult:
        return await super().call_tool(
            name, arguments, version=version, run_middleware=run_middleware and name not in _BY_NAME
        )


def build_app(settings: Settings | None = None, service: Service | None = None) -> FastMCP[Any]:
    """The MCP server on `service`, or on one that it opens itself from the settings."""

    held: list[Service] = [] if service is None else [service]

    @asynccontextmanager
    async def lifespan(_server: FastMCP[Any]) -> AsyncIterator[dict[str, Service]]:
        if service is not None:
            yield {"service": service}
            return
        chosen = settings or Settings.load()
        async with (
            open_service(chosen) as opened,
            taking_in(opened, chosen.locations),
        ):
            held[:] = [opened]
            yield {"service": opened}

    mcp: FastMCP[Any] = _Server(
        "session-buddy-skills",
        instructions=INSTRUCTIONS,
        version=VERSION,
        lifespan=lifespan,
        mask_error_details=True,
        tools=TOOLS,
    )
    for resource in RESOURCES:
        mcp.add_resource(resource)
    for template in TEMPLATES:
        mcp.add_template(template)
    for prompt in PROMPTS:
        mcp.add_prompt(prompt)
    add_plain_http(mcp)
    add_otlp(mcp, lambda: settings or Settings.load())
    add_suggesting(mcp, lambda: held[0], lambda: settings or Settings.load())
    _skip_header_schemas(mcp)
    return mcp


def http_app(mcp: FastMCP[Any], token: str | None = None) -> ASGIApp:
    """The server over HTTP, at /mcp: stateless, since some clients never initialize.

    With a token, for those who send it alone.
    """
    plain, streaming = (
        mcp.http_app(
            path=MCP_PATH, stateless_http=True, json_response=json, host_origin_protection="auto"
        )
        for json in (True, False)
    )
    app = as_asked(plain, streaming, [tool.name for tool in TOOLS if tool.takes_long])
    return asking_for(app, token) if token else app


def _skip_header_schemas(mcp: FastMCP[Any]) -> None:
    # On the protocol of 2026-07-28 the SDK lists all tools before each call, to look for arguments
    # that travel in headers; no tool here has one, and the listing costs more than the call.
    mcp._mcp_server.get_tool_input_schema = lambda _name: None
