"""The database in this process: for programs that have no server."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakSet

from session_buddy_skills.errors import ServerUnreachableError
from session_buddy_skills.locations import Locations
from session_buddy_skills.spool import Record

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from session_buddy_skills.service import Service


class DirectChannel:
    """A database in this process, served by a thread of its own."""

    name: Literal["mcp", "direct"] = "direct"

    def __init__(self, locations: Locations) -> None:
        """Opens it.

        Raises:
            DatabaseHeldError: another process has it open.
            SkillsError: it cannot be opened.
        """
        self._closed = False
        self._stack = ExitStack()
        with self._while_open(), _OPEN.opening:
            self._open(locations)
            _OPEN.channels.add(self)

    def _open(self, locations: Locations) -> None:
        from anyio.from_thread import start_blocking_portal

        from session_buddy_skills.service import open_service
        from session_buddy_skills.settings import Settings

        _close_before_executors()
        settings = Settings.load(data_dir=locations.data_dir, database=locations.database)
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
        with self._while_open():
            self._portal.call(self._service.record_invocations, request)

    def ask(self, tool: str, arguments: dict[str, Any], seconds: float) -> Any:
        """What the service answers to what the tool of that name is asked."""
        from session_buddy_skills.questions import HealthRequest
        from session_buddy_skills.recommendations import NextRequest, RecommendRequest
        from session_buddy_skills.requests import checked

        with self._while_open():
            if tool == "health_check":
                checked(HealthRequest, **arguments)
                future: Future[Any] = self._portal.start_task_soon(self._service.health_check)
            elif tool == "recommend_skills":
                asked = checked(RecommendRequest, **arguments)
                future = self._portal.start_task_soon(self._service.recommend_skills, asked)
            else:
                then = checked(NextRequest, **arguments)
                future = self._portal.start_task_soon(
                    self._service.get_workflow_recommendations, then
                )
            try:
                return future.result(seconds).model_dump(mode="json")
            except TimeoutError as error:
                future.cancel()
                raise ServerUnreachableError("the database has not answered in time.") from error

    def holds(self, locations: Locations) -> bool:
        """Whether this is that database."""
        return True

    def close(self) -> None:
        """Close the database."""
        self._closed = True
        self._stack.close()

    @contextmanager
    def _while_open(self) -> Iterator[None]:
        """What fails in there because the program ends has not been answered, and no more."""
        try:
            yield
        except Exception as error:
            if self._closed or not threading.main_thread().is_alive():
                raise ServerUnreachableError("the database is closed.") from error
            raise


class _Open:
    """The channels of this process that have a database open."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """This is the child of a fork: what is open is the parent's."""
        self.channels: WeakSet[DirectChannel] = WeakSet()
        self.opening = threading.Lock()

    def close(self) -> None:
        """Close all; one that is being opened is waited for."""
        self.opening.acquire(timeout=OPENING_SECONDS)
        for channel in list(self.channels):
            channel.close()


OPENING_SECONDS = 5.0
_OPEN = _Open()
os.register_at_fork(after_in_child=_OPEN.begin_anew)


@cache
def _close_before_executors() -> None:
    """Have what is open closed at exit, while the executors that it needs still work.

    Python ends those, the newest first, before it runs what `atexit` knows. There is no public way
    to come before that; executors use this one themselves.
    """
    import concurrent.futures.thread  # noqa: F401 - has its own end registered first

    getattr(threading, "_register_atexit", atexit.register)(_OPEN.close)
