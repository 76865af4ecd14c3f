"""The way to the record: made at need, and left alone while its server does not answer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from session_buddy_skills.bridge.breaker import Breaker
from session_buddy_skills.bridge.channels import (
    Backend,
    Channel,
    connect,
    is_local,
    within,
)
from session_buddy_skills.bridge.ending import is_over
from session_buddy_skills.errors import InputError, ServerUnreachableError, SkillsError
from session_buddy_skills.locations import Locations
from session_buddy_skills.mcp_http import McpHttp
from session_buddy_skills.spool import Record

T = TypeVar("T")
logger = logging.getLogger(__name__)
UNREACHABLE = "server_unreachable"

_LEFT_TO_THE_PARENT: list[Channel] = []
"""Of a fork: closed here, or by Python, they would close what the parent still uses."""


class Link:
    """One way to the record, for any thread."""

    def __init__(self, backend: Backend, url: str | None, locations: Locations) -> None:
        self._backend = backend
        self._url = url
        self._locations = locations
        # An address that is none is said at once.
        self._server = McpHttp(url) if url is not None else None
        self.last_error: str | None = None
        self._begin()

    def _begin(self) -> None:
        self._channel: Channel | None = None
        self._connecting = threading.Lock()
        self._closed = False
        self.breaker = Breaker()
        self._answered = False
        self._holds: bool | None = None
        if (server := self._server) is not None and self._backend == "mcp":
            known = not is_local(server.url) or self._apart(server).is_dir()
            self._holds = False if known else None

    def begin_anew(self) -> None:
        """This is the child of a fork: what is open is the parent's."""
        if self._channel is not None:
            _LEFT_TO_THE_PARENT.append(self._channel)
        self._begin()

    @property
    def name(self) -> str:
        """What was asked for and, once it is known, what it came to: `auto (mcp)`."""
        came_to = self._channel.name if self._channel else self._backend
        return self._backend if came_to == self._backend else f"{self._backend} ({came_to})"

    @property
    def connected(self) -> bool:
        """Whether the last delivery or question was answered."""
        return self._answered and self.breaker.state == "closed"

    @property
    def spool(self) -> Path:
        """Where that goes which cannot be delivered.

        Beside the database, from where its server takes it in; but what is for a server of another
        database waits apart, for bridges to that one alone.
        """
        if self._holds is False and self._server is not None:
            return self._apart(self._server)
        return self._locations.spool

    def _apart(self, server: McpHttp) -> Path:
        folder = self._locations.spool
        return folder.with_name(f"{folder.name}.{server.host}-{server.port}")

    @property
    def knows_whose_spool(self) -> bool:
        """Whether it is known if the spool beside the database is for where this leads."""
        return self._holds is not None

    def learn_whose_spool(self) -> None:
        """Ask whether it is.

        Raises:
            SkillsError: there was no answer.
        """
        self._holds = self._asked(lambda channel: channel.holds(self._locations))

    def send(self, records: Sequence[Record]) -> None:
        """Store invocations, all or none.

        Raises:
            InputError: one of them cannot be stored.
            SkillsError: there was no answer.
        """
        self._asked(lambda channel: channel.record(records))

    def ask(self, tool: str, arguments: dict[str, Any], seconds: float) -> tuple[Any, str | None]:
        """What a tool answers, or None and the reason; after so many seconds at the latest.

        Raises:
            TypeError: an argument cannot be sent.
        """
        if not self.breaker.allows():
            return None, UNREACHABLE
        end = time.monotonic() + seconds
        try:
            if self._channel is None:
                within(seconds, self._connected)
            left = max(0.0, end - time.monotonic())
            answer = self._asked(lambda channel: channel.ask(tool, arguments, left))
        except InputError as error:
            self.breaker.succeeded()
            return None, str(error)
        except TypeError:
            self.breaker.succeeded()
            raise
        except Exception as error:
            if not isinstance(error, SkillsError | TimeoutError):
                logger.exception("%s could not be asked", tool)
            self._answered = False
            self.last_error = str(error) or "connecting takes longer than the deadline"
            self.breaker.failed()
            return None, UNREACHABLE
        self.breaker.succeeded()
        return answer, None

    def close(self) -> None:
        """Let go of what is open; a server is connected to again at need, a database is not."""
        self._closed = True
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _asked(self, work: Callable[[Channel], T]) -> T:
        """What the channel answers; one whose server has gone is let go of."""
        channel = self._connected()
        try:
            answer = work(channel)
        except ServerUnreachableError:
            self._answered = False
            # The next one may have another port, or none, and the database be free.
            if channel.name == "mcp" and (self._backend != "mcp" or self._url is None):
                with self._connecting:
                    self._channel = None if self._channel is channel else self._channel
                channel.close()
            raise
        except SkillsError as error:
            self._answered = isinstance(error, InputError)
            raise
        self._answered, self.last_error = True, None
        return answer

    def _connected(self) -> Channel:
        with self._connecting:
            if self._channel is None:
                may_open = not (self._closed or is_over())
                self._channel = connect(
                    self._backend, self._url, self._locations, may_open=may_open
                )
            return self._channel
