"""What can be read and asked for without a tool, through a real MCP client."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from fastmcp import Client
from fastmcp.client.transports import FastMCPTransport
from mcp import MCPError
from mcp_types import TextContent, TextResourceContents

from tests.conftest import ServerProcess

USE: dict[str, Any] = {"session_id": "s/1", "workflow_phase": "tests", "outcome": "completed"}
NAMES = ["lint", "plugin:lint", "a/b c", "größe", "100%", "x?y#z"]


async def read(client: Client[Any], uri: str) -> tuple[str, str | None]:
    [content] = await client.read_resource(uri)
    assert isinstance(content, TextResourceContents)
    return content.text, content.mime_type


async def test_resources_are_listed_and_read(client: Client[FastMCPTransport]) -> None:
    [listed] = await client.list_resources()
    assert str(listed.uri) == "skills://report/workflow"
    templates = {one.uri_template for one in await client.list_resource_templates()}
    assert templates == {"skills://metrics/{skill*}", "skills://sessions/{session_id*}"}
    empty, kind = await read(client, "skills://report/workflow")
    assert (kind, "No invocation with a workflow phase" in empty) == ("text/markdown", True)
    made = [USE | {"skill_name": name} for name in NAMES]
    await client.call_tool("record_invocations", {"invocations": made})
    report, _ = await read(client, "skills://report/workflow")
    assert "| tests |    6 |" in report


@pytest.mark.parametrize("name", NAMES)
async def test_a_skill_is_read_by_its_name(client: Client[FastMCPTransport], name: str) -> None:
    await client.call_tool("record_invocations", {"invocations": [USE | {"skill_name": name}]})
    text, kind = await read(client, f"skills://metrics/{quote(name, safe='')}")
    assert kind == "application/json"
    assert json.loads(text)["skill_name"] == name
    session = json.loads((await read(client, "skills://sessions/s%2F1"))[0])
    assert session["skills_by_count"] == {name: 1}


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("skills://metrics/none", 'no use of the skill "none" is recorded.'),
        ("skills://sessions/none", 'no session "none" is recorded.'),
        ("skills://metrics/%20", 'skill_name must not be empty, not " ".'),
    ],
)
async def test_what_cannot_be_read_is_one_sentence(
    client: Client[FastMCPTransport], uri: str, sentence: str
) -> None:
    with pytest.raises(MCPError) as refused:
        await client.read_resource(uri)
    assert sentence in str(refused.value)


async def test_the_prompt_asks_for_a_review(client: Client[FastMCPTransport]) -> None:
    [listed] = await client.list_prompts()
    assert listed.name == "review_skills"
    answer = await client.get_prompt("review_skills", {"days": "7"})
    content = answer.messages[0].content
    assert isinstance(content, TextContent)
    text = content.text
    assert '"days": 7' in text
    tools = {tool.name for tool in await client.list_tools()}
    for word in ("workflow_report", "detect_anomalies", "skill_effectiveness", "get_skill_trend"):
        assert word in text
        assert word in tools


async def test_resources_are_read_over_http(shared_server: ServerProcess) -> None:
    async with Client(f"{shared_server.url}/mcp") as client:
        text, _ = await read(client, "skills://report/workflow")
        assert text.startswith("# Workflow report")
