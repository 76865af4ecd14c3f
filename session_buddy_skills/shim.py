"""What an MCP host starts: passes its messages on to the local server, and the answers back.

Standard library alone, since a host waits for it at each start: no server, no model, no database of
its own. If the server dies, the next message starts another and is sent again; what records carries
an id for that.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from session_buddy_skills import local_server
from session_buddy_skills.errors import SkillsError
from session_buddy_skills.locations import Locations

Message = dict[str, Any]
AT_ONCE = 64
"""Requests that are under way; more wait in the host's pipe."""
TRIES = 4
CONNECT_SECONDS = 5.0
PARSE_ERROR, INVALID_REQUEST, INTERNAL_ERROR = -32700, -32600, -32603
META_PROTOCOL = "io.modelcontextprotocol/protocolVersion"
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Requests that name what they are of in a header as well, since the protocol of 2026-07-28."""


class Shim:
    """One host's messages, between standard input and the server."""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations
        self._server_url: str | None = None
        self._finding = threading.Lock()
        self._writing = threading.Lock()
        self._protocol: str | None = None
        self._idle: list[tuple[str, HTTPConnection]] = []
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._under_way: dict[object, HTTPConnection | None] = {}

    def run(self) -> None:
        """Until the input ends; what was asked before is answered."""
        for line in sys.stdin.buffer:
            if not line.strip():
                continue
            try:
                message = json.loads(line)
            except ValueError as error:
                self._fail(None, PARSE_ERROR, f"not JSON: {error}")
                continue
            if not isinstance(message, dict):
                self._fail(None, INVALID_REQUEST, "a message must be a JSON object")
                continue
            self._take(message)

    def _take(self, message: Message) -> None:
        method, number = message.get("method"), message.get("id")
        if method == "notifications/cancelled":
            self._cancel((message.get("params") or {}).get("requestId"))
        elif method in ("initialize", None) or number is None:
            # What comes after these may rest on them.
            self._forward(message)
        else:
            self._under_way[number] = None
            self._room.acquire()
            # Python waits for these at its end, and not on the way: a slow call holds up no other.
            threading.Thread(target=self._forward_beside, args=(message,)).start()

    def _forward_beside(self, message: Message) -> None:
        try:
            self._forward(message)
        finally:
            self._room.release()

    def _cancel(self, number: object) -> None:
        """The server hears of it by the connection that ends; the host waits for no answer."""
        connection = self._under_way.pop(number, None)
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _forward(self, message: Message) -> None:
        number = message.get("id")
        body = json.dumps(with_ids(message)).encode()
        headers = self._headers(message)
        asked = number in self._under_way
        problem = ""
        for attempt in range(TRIES):
            if asked and number not in self._under_way:
                return  # cancelled
            try:
                self._exchange(number, body, headers)
                return
            except (OSError, HTTPException) as error:
                with self._finding:
                    self._server_url = None
                problem = f"the server cannot be reached: {error!r}"
            except SkillsError as error:
                problem = str(error)
                break
            time.sleep(0.05 * attempt)
        self._under_way.pop(number, None)
        sys.stderr.write(f"session-buddy-skills: {problem}\n")
        if number is not None:
            self._fail(number, INTERNAL_ERROR, problem)

    def _exchange(self, number: object, body: bytes, headers: dict[str, str]) -> None:
        url, connection = self._connection()
        if number in self._under_way:
            self._under_way[number] = connection
        try:
            connection.request("POST", "/mcp", body, headers)
            for message in _messages(connection.getresponse()):
                self._pass_back(number, message)
        except BaseException:
            connection.close()
            raise
        self._idle.append((url, connection))

    def _pass_back(self, number: object, message: Message) -> None:
        own = message.get("id") == number and "method" not in message
        if own and number in self._under_way:
            del self._under_way[number]
        elif own and self._protocol is None:
            self._protocol = (message.get("result") or {}).get("protocolVersion")
        self._write(message)

    def _headers(self, message: Message) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        params = message.get("params") or {}
        stated = (params.get("_meta") or {}).get(META_PROTOCOL)
        if protocol := stated or self._protocol:
            headers["MCP-Protocol-Version"] = str(protocol)
        if stated:
            method = str(message.get("method"))
            headers["Mcp-Method"] = method
            if (name := params.get(NAMED_BY.get(method, ""))) is not None:
                headers["Mcp-Name"] = str(name)
        return headers

    def _connection(self) -> tuple[str, HTTPConnection]:
        """One that is idle, or a new one, to the server of now."""
        with self._finding:
            if self._server_url is None:
                self._server_url = local_server.ensure(self._locations).url
            url = self._server_url
        with suppress(IndexError):
            while True:
                kept = self._idle.pop()
                if kept[0] == url and kept[1].sock is not None:
                    return kept
                kept[1].close()
        address = urlsplit(url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=CONNECT_SECONDS)
        connection.connect()
        connection.sock.settimeout(None)  # how long a call may take is for the host to say
        return url, connection

    def _fail(self, number: object, code: int, sentence: str) -> None:
        error = {"code": code, "message": sentence}
        self._write({"jsonrpc": "2.0", "id": number, "error": error})

    def _write(self, message: Message) -> None:
        line = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with self._writing:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()


def with_ids(message: Message) -> Message:
    """The message with an id for each invocation that it records, so that it may be sent twice."""
    params = message.get("params")
    if message.get("method") != "tools/call" or not isinstance(params, dict):
        return message
    arguments = params.get("arguments")
    if not isinstance(arguments, dict):
        return message
    if params.get("name") == "track_invocation":
        arguments = {"invocation_id": str(uuid7()), **_without_none(arguments)}
    elif params.get("name") == "record_invocations":
        some = arguments.get("invocations")
        if isinstance(some, list) and all(isinstance(one, dict) for one in some):
            some = [{"invocation_id": str(uuid7()), **_without_none(one)} for one in some]
            arguments = arguments | {"invocations": some}
    return message | {"params": params | {"arguments": arguments}}


def _without_none(arguments: dict[str, Any]) -> dict[str, Any]:
    if arguments.get("invocation_id", "") is None:
        return {name: value for name, value in arguments.items() if name != "invocation_id"}
    return arguments


def uuid7() -> UUID:
    """A UUID that begins with the time (RFC 9562)."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def _messages(answer: HTTPResponse) -> Iterator[Message]:
    """What the server sends: one message, several as events, or none.

    Raises:
        HTTPException: it is no message.
    """
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


def main(locations: Locations) -> None:
    """Pass messages on until the input ends, or the host says so with a signal."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # What was asked is the server's to finish; nothing is lost with this process.
        signal.signal(number, lambda _number, _frame: os._exit(0))
    if sys.stdin.isatty():
        sys.stderr.write("Waiting for an MCP client on standard input; --help tells more.\n")
    Shim(locations).run()
