"""The way to the record: made at need, and left alone while its server does not answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from session_buddy_skills.bridge.breaker import Breaker
from session_buddy_skills.bridge.channels import (
    Backend,
    Channel,
    connect,
    is_local,
    within,
)
from session_buddy_skills.errors import InputError, SkillsError
from session_buddy_skills.locations import Locations
from session_buddy_skills.mcp_http import McpHttp
from session_buddy_skills.spool import Record

logger = logging.getLogger(__name__)
UNREACHABLE = "server_unreachable"

_LEFT_TO_THE_PARENT: list[Channel] = []
"""Of a fork: closed here, or by Python, they would close what the parent still uses."""


class Link:
    """One way to the record, for any thread."""

    def __init__(self, backend: Backend, url: str, locations: Locations) -> None:
        self._backend = backend
        self._url = url
        self._locations = locations
        McpHttp(url)  # an address that is none is said at once
        self.last_error: str | None = None
        self._begin()

    def _begin(self) -> None:
        self._channel: Channel | None = None
        self._connecting = threading.Lock()
        self.breaker = Breaker()
        self._answered = False
        self._holds: bool | None = None

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

        Beside the database, from where its server takes it in; but what is for another machine
        waits apart, for bridges to that machine alone.
        """
        folder = self._locations.spool
        if self._backend != "mcp" or is_local(self._url):
            return folder
        server = McpHttp(self._url)
        return folder.with_name(f"{folder.name}.{server.host}-{server.port}")

    def send(self, records: Sequence[Record]) -> None:
        """Store invocations, all or none.

        Raises:
            InputError: one of them cannot be stored.
            SkillsError: there was no answer.
        """
        try:
            self._connected().record(records)
        except InputError:
            raise
        except SkillsError:
            self._answered = False
            raise
        self._answered = True

    def takes_the_spool(self) -> bool:
        """Whether what others left in the spool belongs where this leads.

        Raises:
            SkillsError: there was no answer.
        """
        if self._holds is None:
            self._holds = self._connected().holds(self._locations)
        return self._holds

    def ask(self, tool: str, arguments: dict[str, Any], seconds: float) -> tuple[Any, str | None]:
        """What a tool answers, or None and the reason; after so many seconds at the latest.

        Raises:
            TypeError: an argument cannot be sent.
        """
        if not self.breaker.allows():
            return None, UNREACHABLE
        try:
            channel = self._channel or within(seconds, self._connected)
            answer = channel.ask(tool, arguments, seconds)
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
        self._answered = True
        return answer, None

    def close(self) -> None:
        """Let go of what is open; it is opened again at need."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _connected(self) -> Channel:
        with self._connecting:
            if self._channel is None:
                self._channel = connect(self._backend, self._url, self._locations)
            return self._channel
