"""Where records go: to a server over MCP, or into a database that this process opens itself."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import TYPE_CHECKING, Any, Literal, Protocol

from session_buddy_skills import server_file
from session_buddy_skills.errors import DatabaseHeldError, ServerUnreachableError
from session_buddy_skills.locations import HOST, PORT, Locations
from session_buddy_skills.mcp_http import McpHttp
from session_buddy_skills.spool import Record

if TYPE_CHECKING:
    from concurrent.futures import Future

    from anyio.from_thread import BlockingPortal

    from session_buddy_skills.service import Service

Backend = Literal["mcp", "direct", "auto", "off"]
DEFAULT_URL = f"http://{HOST}:{PORT}"
DELIVERY_SECONDS = 5.0
"""How long an answer to recorded invocations may take; nobody waits for it."""


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

    def close(self) -> None:
        """Let go of what is open."""


class McpChannel:
    """A server, over MCP."""

    name: Literal["mcp", "direct"] = "mcp"

    def __init__(self, url: str) -> None:
        self.url = url
        self._recording = McpHttp(url, timeout=DELIVERY_SECONDS)
        self._asking: McpHttp | None = None
        self._lock = threading.Lock()

    def record(self, records: Sequence[Record]) -> None:
        """Store invocations, in one call on a connection that is kept alive."""
        self._recording.call_tool("record_invocations", {"invocations": list(records)})

    def ask(self, tool: str, arguments: dict[str, Any], seconds: float) -> Any:
        """What a tool answers; on the kept connection, or one more if that is in use."""
        with self._lock:
            client, self._asking = self._asking, None
        client = client or McpHttp(self.url, timeout=seconds)
        # A server that sends a byte now and then does not run into the socket's timeout.
        over = threading.Timer(seconds, client.close)
        over.daemon = True
        over.start()
        try:
            answer = client.call_tool(tool, arguments)
        except BaseException:
            client.close()
            raise
        finally:
            over.cancel()
        with self._lock:
            client, self._asking = self._asking, client
        if client is not None:
            client.close()
        return answer

    def close(self) -> None:
        """Let go of the connections."""
        self._recording.close()
        if self._asking is not None:
            self._asking.close()


class DirectChannel:
    """A database in this process, served by a thread of its own."""

    name: Literal["mcp", "direct"] = "direct"

    def __init__(self, locations: Locations) -> None:
        """Opens it.

        Raises:
            DatabaseHeldError: another process has it open.
            SkillsError: it cannot be opened.
        """
        from anyio.from_thread import start_blocking_portal

        from session_buddy_skills.service import open_service
        from session_buddy_skills.settings import Settings

        settings = Settings.load(data_dir=locations.data_dir, database=locations.database)
        self._stack = ExitStack()
        with ExitStack() as stack:
            self._portal: BlockingPortal = stack.enter_context(start_blocking_portal())
            opened: AbstractContextManager[Service] = self._portal.wrap_async_context_manager(
                open_service(settings)
            )
            self._service = stack.enter_context(opened)
            self._stack = stack.pop_all()

    def record(self, records: Sequence[Record]) -> None:
        """Store invocations."""
        from session_buddy_skills.models import BatchRequest
        from session_buddy_skills.requests import checked

        request = checked(BatchRequest, invocations=list(records))
        self._portal.call(self._service.record_invocations, request)

    def ask(self, tool: str, arguments: dict[str, Any], seconds: float) -> Any:
        """What the service answers to what the tool of that name is asked."""
        from session_buddy_skills.questions import HealthRequest
        from session_buddy_skills.recommendations import NextRequest, RecommendRequest
        from session_buddy_skills.requests import checked

        if tool == "health_check":
            checked(HealthRequest, **arguments)
            future: Future[Any] = self._portal.start_task_soon(self._service.health_check)
        elif tool == "recommend_skills":
            asked = checked(RecommendRequest, **arguments)
            future = self._portal.start_task_soon(self._service.recommend_skills, asked)
        else:
            then = checked(NextRequest, **arguments)
            future = self._portal.start_task_soon(self._service.get_workflow_recommendations, then)
        try:
            return future.result(seconds).model_dump(mode="json")
        except TimeoutError as error:
            future.cancel()
            raise ServerUnreachableError("the database has not answered in time.") from error

    def close(self) -> None:
        """Close the database."""
        self._stack.close()


def connect(backend: Backend, url: str, locations: Locations) -> Channel:
    """The way to the record that this backend stands for.

    Raises:
        SkillsError: there is none now.
    """
    if backend == "mcp":
        return McpChannel(url)
    if backend == "auto":
        channel = McpChannel(url)
        with suppress(ServerUnreachableError):
            channel.ask("health_check", {}, 1.0)
            return channel
    try:
        return DirectChannel(locations)
    except DatabaseHeldError as held:
        if (server := server_file.read(locations.server_file)) is None:
            raise
        channel = McpChannel(server.url)
        health = channel.ask("health_check", {}, 1.0)
        if health["database"] != str(locations.database_path):
            raise held
        return channel
