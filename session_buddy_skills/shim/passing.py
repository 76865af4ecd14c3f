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
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from session_buddy_skills import local_server
from session_buddy_skills.errors import ServerUnreachableError, SkillsError
from session_buddy_skills.locations import Locations
from session_buddy_skills.server_file import ServerFile
from session_buddy_skills.shim.lanes import Lane
from session_buddy_skills.shim.messages import (
    Message,
    headers_of,
    may_be_sent_twice,
    messages_of,
    params_of,
    records,
    with_ids,
)
from session_buddy_skills.shim.warnings_of_server import follow

AT_ONCE = 64
"""Requests that are under way; more wait for them."""
TRIES = 4
CONNECT_SECONDS = 5.0
FAILED_SECONDS = 5.0
"""For which a start that failed is not tried again."""
PARSE_ERROR, INVALID_REQUEST, INTERNAL_ERROR = -32700, -32600, -32603


class Shim:
    """One host's messages, between standard input and the server."""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations
        self._server: ServerFile | None = None
        self._failed: tuple[float, SkillsError] | None = None
        """When the server could not be started, and why."""
        self._finding = threading.Lock()
        self._writing = threading.Lock()
        self._protocol: str | None = None
        self._idle: list[tuple[ServerFile, HTTPConnection]] = []
        self._recording = Lane(self._forward_asked, 1)
        self._others = Lane(self._forward_asked, AT_ONCE)
        self._cancelling = threading.Lock()
        self._under_way: dict[object, HTTPConnection | None] = {}

    def run(self) -> None:
        """Until the input ends; what was asked before is answered."""
        for line in sys.stdin.buffer:
            if not line.strip():
                continue
            try:
                message = json.loads(line)
            except (ValueError, RecursionError) as error:
                self._fail(None, PARSE_ERROR, f"not JSON: {error}")
                continue
            if not isinstance(message, dict):
                self._fail(None, INVALID_REQUEST, "a message must be a JSON object")
            elif not {"method", "result", "error"} & message.keys():
                self._fail(None, INVALID_REQUEST, "a message must have a method")
            else:
                self._take(message)

    def _take(self, message: Message) -> None:
        method, number = message.get("method"), message.get("id")
        if "id" in message and not _is_id(number):
            self._fail(None, INVALID_REQUEST, "an id must be text or a number")
        elif method == "notifications/cancelled":
            self._cancel(params_of(message).get("requestId"))
        elif method in ("initialize", None) or number is None:
            # What comes after these may rest on them.
            self._forward(message)
        else:
            self._under_way[number] = None
            (self._recording if records(message) else self._others).put(message)

    def _cancel(self, number: object) -> None:
        """The server hears of it by the connection that ends; the host waits for no answer."""
        if not _is_id(number):
            return
        with self._cancelling:
            connection = self._under_way.pop(number, None)
            if connection is not None and connection.sock is not None:
                with suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)

    def _forward_asked(self, message: Message) -> None:
        self._forward(message, asked=True)

    def _forward(self, message: Message, *, asked: bool = False) -> None:
        number = message.get("id")
        problem = self._try_often(message, asked=asked)
        if problem is None or (asked and self._under_way.pop(number, self) is self):
            return  # answered, or cancelled
        sys.stderr.write(f"session-buddy-skills: {problem}\n")
        if number is not None:
            self._fail(number, INTERNAL_ERROR, problem)

    def _try_often(self, message: Message, *, asked: bool) -> str | None:
        """Have it answered; or say why not."""
        sent = with_ids(message)
        problem = ""
        for attempt in range(TRIES):
            if asked and message["id"] not in self._under_way:
                return None
            try:
                self._exchange(sent, asked=asked)
                return None
            except (OSError, HTTPException) as error:
                with self._finding:
                    self._server = None
                self._forget_idle()
                problem = f"the server cannot be reached: {error!r}"
            except (SkillsError, ValueError) as error:
                return str(error).rstrip(".")
            time.sleep(0.05 * attempt)
        return problem

    def _exchange(self, message: Message, *, asked: bool) -> None:
        number = message.get("id")
        body, headers = json.dumps(message).encode(), headers_of(message, self._protocol)
        twice = may_be_sent_twice(message)
        # A server may have closed an idle connection: that is known only once something was sent.
        server, connection = self._connection(idle=twice)
        with self._cancelling:
            if asked and number not in self._under_way:
                self._idle.append((server, connection))
                return  # cancelled
            if asked:
                self._under_way[number] = connection
        try:
            connection.request("POST", "/mcp", body, headers | server.headers)
            answered = [
                self._pass_back(number, answer, asked=asked)
                for answer in messages_of(connection.getresponse())
            ]
            # A stream ends with its answer; cut off, it looks as if it had ended.
            if "method" in message and number is not None and not any(answered):
                raise HTTPException("it ended without an answer")
        except (OSError, HTTPException, SkillsError) as error:
            connection.close()
            if not (twice or isinstance(error, SkillsError)):
                raise ServerUnreachableError(
                    "the server was lost while it worked on this, and whether it was done is not "
                    "known; ask session_summary, or send it again with its invocation_id."
                ) from error
            raise
        self._idle.append((server, connection))

    def _pass_back(self, number: object, message: Message, *, asked: bool) -> bool:
        """Write what the server said, unless it was cancelled; whether it is the answer."""
        if "error" in message and message.get("id") is None:
            message["id"] = number  # the server could not read so far, and the host waits for it
        own = message.get("id") == number and "method" not in message
        if asked and own and self._under_way.pop(number, self) is self:
            return True
        if own and self._protocol is None:
            self._protocol = (message.get("result") or {}).get("protocolVersion")
        self._write(message)
        return own

    def _connection(self, *, idle: bool) -> tuple[ServerFile, HTTPConnection]:
        """One that is idle, if that will do, or a new one, to the server of now."""
        server = self._find_server()
        with suppress(IndexError):
            while idle:
                kept = self._idle.pop()
                if kept[0] == server and kept[1].sock is not None:
                    return kept
                kept[1].close()
        address = urlsplit(server.url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=CONNECT_SECONDS)
        connection.connect()
        connection.sock.settimeout(None)  # how long a call may take is for the host to say
        return server, connection

    def _forget_idle(self) -> None:
        """A server that has closed one connection has closed others, too."""
        with suppress(IndexError):
            while True:
                self._idle.pop()[1].close()

    def _find_server(self) -> ServerFile:
        with self._finding:
            if self._server is not None:
                return self._server
            # Many calls wait here: they need not all wait for the same failure.
            if self._failed is not None and time.monotonic() < self._failed[0] + FAILED_SECONDS:
                raise self._failed[1]
            try:
                self._server = local_server.ensure(self._locations)
                log = self._locations.server_log
                sys.stderr.write(
                    f"session-buddy-skills: the server is process {self._server.pid} at "
                    f"{self._server.url}{f'; its log: {log}' if log.exists() else ''}\n"
                )
            except SkillsError as error:
                self._failed = time.monotonic(), error
                raise
            return self._server

    def _fail(self, number: object, code: int, sentence: str) -> None:
        error = {"code": code, "message": sentence}
        self._write({"jsonrpc": "2.0", "id": number, "error": error})

    def _write(self, message: Message) -> None:
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        try:
            with self._writing:
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
        except OSError:
            os._exit(0)  # the host has gone


def _is_id(number: object) -> bool:
    return isinstance(number, str | int | float) and not isinstance(number, bool)


def main(locations: Locations) -> None:
    """Pass messages on until the input ends, or the host says so with a signal."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # What was asked is the server's to finish; nothing is lost with this process.
        signal.signal(number, lambda _number, _frame: os._exit(0))
    if sys.stdin.isatty():
        sys.stderr.write("Waiting for an MCP client on standard input; --help tells more.\n")
    follow(locations.server_log)
    Shim(locations).run()
