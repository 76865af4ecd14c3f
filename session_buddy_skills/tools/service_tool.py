"""A tool whose arguments are a request model and whose answer is a result model."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from fastmcp.server.dependencies import get_context
from fastmcp.tools.base import Tool, ToolResult
from mcp_types import TextContent, ToolAnnotations
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import from_json

from session_buddy_skills.errors import InputError, SkillsError
from session_buddy_skills.mcp_http import REFUSED
from session_buddy_skills.requests import Request, checked
from session_buddy_skills.service import Service

logger = logging.getLogger(__name__)

Call = Callable[[Service, Any], Awaitable[BaseModel]]


class ServiceTool(Tool):
    """Checks the arguments, calls the service, and answers with the same JSON in both places."""

    request: SkipJsonSchema[type[Request]] = Field(exclude=True)
    call: SkipJsonSchema[Call] = Field(exclude=True)
    takes_long: SkipJsonSchema[bool] = Field(exclude=True)

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        """Answer one call, or say in a sentence why not, and whether the arguments are to blame."""
        service: Service = get_context().lifespan_context["service"]
        try:
            result = await self.call(service, checked(self.request, **arguments))
        except InputError as error:
            logger.info("%s refused: %s", self.name, error)
            return _error(error, {REFUSED: True})
        except SkillsError as error:
            logger.error("%s failed: %s", self.name, error)
            return _error(error, {})
        text = result.model_dump_json()
        answer = from_json(text)
        return ToolResult(
            content=[TextContent(type="text", text=text)],
            # MCP takes objects alone here.
            structured_content={"result": answer} if isinstance(answer, list) else answer,
        )


def service_tool(
    name: str,
    description: str,
    request: type[Request],
    result: type[BaseModel],
    call: Call,
    *,
    read_only: bool,
    destructive: bool = False,
    idempotent: bool = True,
    takes_long: bool = False,
) -> ServiceTool:
    """A tool of that name; `idempotent` ones may be called again without a second effect.

    Those that take long may do so for minutes: their time grows with all that there is.
    """
    return ServiceTool(
        name=name,
        description=description,
        parameters=request.model_json_schema(),
        output_schema=_output_schema(result),
        annotations=ToolAnnotations(
            read_only_hint=read_only,
            destructive_hint=destructive,
            idempotent_hint=idempotent,
            open_world_hint=False,
        ),
        request=request,
        call=call,
        takes_long=takes_long,
    )


def _error(error: SkillsError, meta: dict[str, Any]) -> ToolResult:
    return ToolResult(content=[TextContent(type="text", text=str(error))], meta=meta, is_error=True)


def _output_schema(result: type[BaseModel]) -> dict[str, Any]:
    schema = result.model_json_schema(mode="serialization")
    if schema["type"] == "object":
        return schema
    wrapped = {"type": "object", "required": ["result"], "x-fastmcp-wrap-result": True}
    return wrapped | {"$defs": schema.pop("$defs", {}), "properties": {"result": schema}}
