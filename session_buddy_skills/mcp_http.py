"""MCP's `tools/call` over streamable HTTP, on one connection that is kept alive.

Standard library alone: the SDK's client takes a second to import and has tasks of its own, and what
a bridge needs of it is one POST. Ours is a stateless server, which takes it without `initialize`.
"""

from __future__ import annotations

import io
import itertools
import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, InvalidURL
from typing import Any
from urllib.parse import SplitResult, urlsplit

from session_buddy_skills.errors import InputError, ServerUnreachableError
from session_buddy_skills.server_file import bearer

PROTOCOL = "2026-07-28"
"""The first that knows no session: each call says for itself what it needs."""
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": PROTOCOL,
    "Mcp-Method": "tools/call",
}
META = {
    "io.modelcontextprotocol/protocolVersion": PROTOCOL,
    "io.modelcontextprotocol/clientCapabilities": {},
}
OK = 200
TOO_LARGE = 413
SHOWN = 200
READ_BYTES = 64 * 1024
"""Read at once; so much memory is taken, however short the answer is."""
ANSWER_BYTES = 16 * 2**20
"""Most that an answer may have; no tool of ours has as much."""
REFUSED = "session-buddy-skills/refused"
"""What a tool's error carries that the arguments are to blame for."""


class McpHttp:
    """One connection to one server, for one thread at a time."""

    def __init__(self, url: str, token: Callable[[], str | None] = lambda: None) -> None:
        """`url` is the server's address, with or without `/mcp`; `token` says what it asks for now.

        Raises:
            InputError: it is none.
        """
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(
                f'the server\'s address must be like http://127.0.0.1:8678, not "{url}".'
            )
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        # Without name and password, which would be told with each error.
        self.url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._token = token
        self._path = parts.path.rstrip("/") or "/mcp"
        self._ids = itertools.count(1)
        self._closed = False
        try:
            self._connection = kind(parts.hostname, _port(parts))
        except InvalidURL as error:
            raise InputError(f"the server's address is none: {error}.") from error
        self.host, self.port = self._connection.host, self._connection.port

    def call_tool(self, name: str, arguments: dict[str, Any], seconds: float) -> Any:
        """What the tool answers; to connect and to send take so many seconds each at most, and all
        of the answer as many from the start.

        Raises:
            InputError: the tool refuses the arguments, or they are too many at once.
            ServerUnreachableError: there was no answer, none that makes sense, or one that does
                not say that the arguments are to blame: a fault, or another server's.
        """
        message = {
            "jsonrpc": "2.0",
            "id": next(self._ids),
            "method": "tools/call",
            "params": {"name": name, "arguments": arguments, "_meta": META},
        }
        body = json.dumps(message, separators=(",", ":")).encode()
        self._connection.timeout = seconds
        if self._connection.sock is not None:
            self._connection.sock.settimeout(seconds)
        status, answer = self._post(name, body, time.monotonic() + seconds)
        if status == TOO_LARGE:
            raise InputError(f"this is more than {self.url} takes at once: {len(body)} bytes.")
        try:
            result = json.loads(answer)["result"]
            text = result["content"][0]["text"]
            if REFUSED in (result.get("_meta") or {}):
                raise InputError(text)
            if status == OK and not result.get("isError"):
                return json.loads(text)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            pass
        raise ServerUnreachableError(
            f"{self.url} answered {status}: {answer[:SHOWN].decode(errors='replace')}"
        )

    def close(self) -> None:
        """Let go of the connection for good; a call that waits on it, in whatever thread, fails."""
        self._closed = True
        if (open_socket := self._connection.sock) is not None:
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _post(self, name: str, body: bytes, until: float) -> tuple[int, bytes]:
        # A server may have closed a connection that was idle; that is known only by trying. The
        # calls that are made here may all be made twice.
        kept_alive = self._connection.sock is not None
        try:
            return self._exchange(name, body, until)
        except (OSError, HTTPException, AttributeError) as error:  # the last, if closed meanwhile
            self._connection.close()
            if self._closed or isinstance(error, TimeoutError):
                raise ServerUnreachableError(f"{self.url} has not answered in time.") from error
            if kept_alive:
                return self._post(name, body, until)
            raise ServerUnreachableError(f"{self.url} cannot be reached: {error!r}.") from error
        except ValueError:
            self._connection.close()
            # The error itself would tell the token.
            raise ServerUnreachableError(
                f"{self.url} cannot be asked: its name, or the token, has what cannot be sent."
            ) from None

    def _exchange(self, name: str, body: bytes, until: float) -> tuple[int, bytes]:
        headers = HEADERS | {"Mcp-Name": name} | bearer(self._token())
        # A server that sends a byte now and then would never run into a timeout of each.
        self._connection.response_class = partial(_answer, until)  # type: ignore[assignment]
        self._connection.request("POST", self._path, body, headers)
        answer = self._connection.getresponse()
        content = bytearray()
        while part := answer.read1(READ_BYTES):
            content += part
            if len(content) > ANSWER_BYTES:
                raise HTTPException(f"an answer of more than {ANSWER_BYTES} bytes")
        answer.close()  # read1 does not, and the connection would take no other request
        return answer.status, bytes(content)


class _Within(io.RawIOBase):
    """What a socket receives, all of it until a point in time (`time.monotonic()`)."""

    def __init__(self, connected: socket.socket, until: float) -> None:
        self._socket = connected
        self._until = until
        self._received = connected.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What `HTTPResponse` asks of a socket."""
        return io.BufferedReader(self)


def _answer(until: float, connected: socket.socket, **how: Any) -> HTTPResponse:
    return HTTPResponse(_Within(connected, until), **how)  # type: ignore[arg-type]


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError as error:
        raise InputError(f"the server's address has no such port: {error}.") from error
