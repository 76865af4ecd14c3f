"""Messages of MCP on their way: what HTTP needs to know of them, and ids for what they record."""

from __future__ import annotations

import json
import os
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import Any
from uuid import UUID

from session_buddy_skills.errors import InputError

Message = dict[str, Any]
TOO_LARGE = 413
META_PROTOCOL = "io.modelcontextprotocol/protocolVersion"
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Requests that name what they are of in a header as well, since the protocol of 2026-07-28."""
OWN_ID = {
    "track_invocation": "invocation_id",
    "record_git_metrics": "metrics_id",
    "record_ab_test_outcome": "outcome_id",
}
"""Tools that record one thing, and the argument by which it counts once."""
RECORDING = {"track_invocation", "complete_invocation", "record_invocations"}
"""Tools whose order tells: the end of a run comes after its start."""


def headers_of(message: Message, protocol: str | None) -> dict[str, str]:
    """What HTTP needs to know of it; `protocol` is what host and server have agreed on."""
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    params = params_of(message)
    meta = params.get("_meta")
    stated = meta.get(META_PROTOCOL) if isinstance(meta, dict) else None
    if known := stated or protocol:
        headers["MCP-Protocol-Version"] = header_value(str(known))
    if stated:
        method = str(message.get("method"))
        headers["Mcp-Method"] = header_value(method)
        if (name := params.get(NAMED_BY.get(method, ""))) is not None:
            headers["Mcp-Name"] = header_value(str(name))
    return headers


def with_ids(message: Message) -> Message:
    """The message with an id for all that it records, so that it may be sent twice."""
    params = params_of(message)
    arguments = params.get("arguments")
    if message.get("method") != "tools/call" or not isinstance(arguments, dict):
        return message
    if (field := OWN_ID.get(str(params.get("name")))) is not None:
        arguments = _with_id(arguments, field)
    elif params.get("name") == "record_invocations":
        some = arguments.get("invocations")
        if isinstance(some, list) and all(isinstance(one, dict) for one in some):
            some = [_with_id(one, "invocation_id") for one in some]
            arguments = arguments | {"invocations": some}
    return message | {"params": params | {"arguments": arguments}}


def _with_id(arguments: dict[str, Any], field: str) -> dict[str, Any]:
    return arguments if arguments.get(field) is not None else arguments | {field: str(uuid7())}


def may_be_sent_twice(message: Message) -> bool:
    """Whether that does no harm, with the ids of `with_ids` in it.

    The end of a run that is named by its skill alone is that of the newest one: of another, if the
    first came through.
    """
    params = params_of(message)
    if message.get("method") != "tools/call" or params.get("name") != "complete_invocation":
        return True
    arguments = params.get("arguments")
    return isinstance(arguments, dict) and arguments.get("invocation_id") is not None


def records(message: Message) -> bool:
    """Whether it records invocations."""
    name = params_of(message).get("name")
    return message.get("method") == "tools/call" and isinstance(name, str) and name in RECORDING


def params_of(message: Message) -> dict[str, Any]:
    """What it is asked with; nothing where that is not an object."""
    params = message.get("params")
    return params if isinstance(params, dict) else {}


def header_value(text: str) -> str:
    """The text as MCP puts it into a header: what HTTP would not carry, in base64."""
    if text.isascii() and text.isprintable() and text == text.strip():
        return text
    return f"=?base64?{b64encode(text.encode(errors='replace')).decode()}?="


def uuid7() -> UUID:
    """A UUID that begins with the time (RFC 9562)."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def messages_of(answer: HTTPResponse) -> Iterator[Message]:
    """What the server sends: one message, several as events, or none.

    Raises:
        HTTPException: it is no message.
        InputError: the request was too large.
    """
    if answer.status == TOO_LARGE:
        answer.read()
        raise InputError("this message is larger than the server takes (4 MiB).")
    if answer.headers.get_content_type() == "text/event-stream":
        for line in answer:
            if line.startswith(b"data:") and line[5:].strip():
                yield _message(line[5:])
    elif content := answer.read():
        yield _message(content)


def _message(content: bytes) -> Message:
    with suppress(ValueError):
        found = json.loads(content)
        if isinstance(found, dict) and "jsonrpc" in found:
            return found
    raise HTTPException(f"the server answered {content[:200]!r}")
