"""Where records go: to a server over MCP, or into a database that this process opens itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from session_buddy_skills import server_file
from session_buddy_skills.bridge.direct import DirectChannel
from session_buddy_skills.errors import DatabaseHeldError, ServerUnreachableError
from session_buddy_skills.locations import Locations, default_url, stated_token
from session_buddy_skills.mcp_http import McpHttp
from session_buddy_skills.spool import Record

T = TypeVar("T")
Backend = Literal["mcp", "direct", "auto", "off"]
DELIVERY_SECONDS = 5.0
"""How long an answer to recorded invocations may take; nobody waits for it."""
HEALTH_SECONDS = 1.0


class Channel(Protocol):
    """One way to the record."""

    name: Literal["mcp", "direct"]

    def record(self, records: Sequence[Record]) -> None:
        """Store invocations, all or none.

        Raises:
            InputError: one of them cannot be stored.
            SkillsError: it did not work; they may be stored or not.
        """

    def ask(self, tool: str, arguments: dict[str, Any], seconds: float) -> Any:
        """What a tool answers within so many seconds.

        Raises:
            InputError: the arguments are not valid.
            SkillsError: there was no answer in time.
        """

    def holds(self, locations: Locations) -> bool:
        """Whether what this records is kept in that database, as far as can be known.

        Raises:
            SkillsError: there was no answer.
        """

    def close(self) -> None:
        """Let go of what is open."""


class McpChannel:
    """A server, over MCP."""

    name: Literal["mcp", "direct"] = "mcp"

    def __init__(self, url: str, locations: Locations) -> None:
        self.url = url
        self._token = partial(_token, McpHttp(url).url, locations)
        self._recording = McpHttp(url, self._token)
        self._record_one_by_one = threading.Lock()
        self._idle: list[McpHttp] = []

    def record(self, records: Sequence[Record]) -> None:
        """Store invocations, in one call on a connection that is kept alive."""
        arguments = {"invocations": list(records)}
        with self._record_one_by_one:
            self._recording.call_tool("record_invocations", arguments, DELIVERY_SECONDS)

    def ask(self, tool: str, arguments: dict[str, Any], seconds: float) -> Any:
        """What a tool answers; on an idle connection, or one more."""
        try:
            client = self._idle.pop()
        except IndexError:
            client = McpHttp(self.url, self._token)
        try:
            # In a thread, since a name that is not found knows of no timeout.
            answer = within(seconds, lambda: client.call_tool(tool, arguments, seconds))
        except TimeoutError as error:
            client.close()
            raise ServerUnreachableError(f"{self.url} has not answered in time.") from error
        except BaseException:
            client.close()
            raise
        if self._idle:
            client.close()  # one is kept beside that which records
        else:
            self._idle.append(client)
        return answer

    def holds(self, locations: Locations) -> bool:
        """Whether this is the server of that database; one of another machine is not."""
        health = self.ask("health_check", {}, HEALTH_SECONDS)
        if not is_local(self.url):
            return False
        if locations.postgresql:
            return bool(health["engine"] == "postgresql")
        found = Path(str(health["database"]))
        return found.resolve() == locations.database_path.resolve()

    def close(self) -> None:
        """Let go of the connections."""
        self._recording.close()
        while self._idle:
            self._idle.pop().close()


def connect(
    backend: Backend, url: str | None, locations: Locations, *, may_open: bool = True
) -> Channel:
    """The way to the record that this backend stands for.

    Without a url it is the server of that database alone: where its file says, or where `serve`
    listens by default. `may_open` is whether a database may be opened.

    Raises:
        SkillsError: there is none now.
    """
    if backend == "mcp":
        return McpChannel(url, locations) if url is not None else _own_server(locations)
    if backend == "auto":
        with suppress(ServerUnreachableError):
            if url is None:
                return _own_server(locations)
            channel = McpChannel(url, locations)
            channel.ask("health_check", {}, HEALTH_SECONDS)
            return channel
    if not may_open:
        raise ServerUnreachableError(f"{locations.database_path} is not opened any more.")
    try:
        return DirectChannel(locations)
    except DatabaseHeldError:
        if (server := server_file.read_living(locations.server_file)) is None:
            raise
        return _if_it_holds(McpChannel(server.url, locations), locations)


def _own_server(locations: Locations) -> McpChannel:
    server = server_file.read_living(locations.server_file)
    return _if_it_holds(McpChannel(server.url if server else default_url(), locations), locations)


def _if_it_holds(channel: McpChannel, locations: Locations) -> McpChannel:
    with ExitStack() as stack:
        stack.callback(channel.close)
        if not channel.holds(locations):
            raise ServerUnreachableError(f"{channel.url} is the server of another database.")
        stack.pop_all()
    return channel


def _token(url: str, locations: Locations) -> str | None:
    """What the server at this address asks for: as its file says, or as the environment states."""
    server = server_file.read_living(locations.server_file)
    if server is not None and is_local(url) and McpHttp(server.url).port == McpHttp(url).port:
        return server.token
    return stated_token()


def is_local(url: str) -> bool:
    """Whether this is a server of this machine."""
    return McpHttp(url).host in ("127.0.0.1", "::1", "localhost")


def within(seconds: float, work: Callable[[], T]) -> T:
    """What the work comes to, in a thread of its own.

    Raises:
        TimeoutError: it takes longer; the thread is left to itself.
        ServerUnreachableError: there can be no more threads.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001 - whoever waits raises it
            done.set_exception(error)

    try:
        threading.Thread(target=run, name="session-buddy-skills question", daemon=True).start()
    except RuntimeError as error:
        raise ServerUnreachableError(f"nothing can be asked now: {error}") from error
    return done.result(seconds)
