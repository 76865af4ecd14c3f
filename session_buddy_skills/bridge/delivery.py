"""Where records go from the queue: to the server, or into the spool and then to the server."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from session_buddy_skills import spool
from session_buddy_skills.bridge.link import Link
from session_buddy_skills.errors import InputError, SkillsError
from session_buddy_skills.spool import Record

logger = logging.getLogger(__name__)
AT_ONCE = 500
"""Most records in one delivery."""


class Delivered:
    """What became of the records so far."""

    def __init__(self) -> None:
        self.delivered = self.spooled = self.rejected = self.lost = 0
        self.last_error: str | None = None


class Delivery:
    """Sends records, or spools them, and sends the spool when the server is back."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.counts = Delivered()
        self.can_spool = True
        self.spool_fails = False
        self.begin_anew()

    def begin_anew(self) -> None:
        """Nothing of what was spooled so far is this process's."""
        self.look_at_spool = True
        """Whether there may be something in the spool that can be sent."""
        self._own_files: deque[Path] = deque(maxlen=10_000)
        """What was spooled beside the database before it was known whether it is the server's."""

    @property
    def is_left_alone(self) -> bool:
        """Whether the server did not answer lately."""
        return self._link.breaker.state == "open"

    def leave_alone(self) -> None:
        """Send nothing for a while; what comes meanwhile is spooled."""
        self._link.breaker.failed()

    @property
    def seconds_to_wait(self) -> float:
        """Until the server may be asked again."""
        return self._link.breaker.seconds_left

    def sent(self, records: Sequence[Record]) -> bool:
        """Whether the server has these; what it refuses is set aside, and counts as sent."""
        if not self._link.breaker.allows():
            return False
        try:
            self._send_or_reject(records)
        except SkillsError as error:
            self._failed(error)
            return False
        self._succeeded()
        return True

    def spooled(self, records: Sequence[Record]) -> bool:
        """Whether these are in the spool."""
        folder = self._link.spool
        try:
            path = spool.put(folder, records)
        except OSError as error:
            self.counts.last_error = f"the spool {folder} cannot be written: {error.strerror}"
            self.spool_fails = True
            self.can_spool = False
            return False
        if not self._link.knows_whose_spool:
            self._own_files.append(path)
        self.can_spool = True
        self.counts.spooled += len(records)
        self.look_at_spool = True
        return True

    def send_spool(self) -> None:
        """Send what is in the spool, this program's and what others left."""
        self.look_at_spool = False
        if not self._link.breaker.allows():
            self.look_at_spool = True
            return
        try:
            # The server may have taken all of it in by itself: then it is there again, too.
            self._link.learn_whose_spool()
            self._succeeded()
            self._move_own_files()
            for path in spool.waiting(self._link.spool):
                self._send_file(path)
        except SkillsError as error:
            self._failed(error)
        except OSError as error:
            self._cannot_be_emptied(self._link.spool, error)

    def _send_file(self, path: Path) -> None:
        try:
            found = spool.read(path)
            for first in range(0, len(found.records), AT_ONCE):
                self._send_or_reject(found.records[first : first + AT_ONCE])
            if found.unreadable:
                self._set_aside(found.unreadable)
            spool.remove(path)
        except OSError as error:
            self._cannot_be_emptied(path, error)  # and holds up no other

    def _cannot_be_emptied(self, path: Path, error: OSError) -> None:
        self.counts.last_error = f"the spool {path} cannot be read or emptied: {error.strerror}"

    def _move_own_files(self) -> None:
        """What was spooled for a server of another database waits for that one."""
        while self._own_files:
            path = self._own_files.popleft()
            if path.parent != self._link.spool:
                with suppress(FileNotFoundError):
                    spool.move(path, self._link.spool)

    def _succeeded(self) -> None:
        self._link.breaker.succeeded()
        self.counts.last_error = None

    def _failed(self, error: SkillsError) -> None:
        self.counts.last_error = str(error)
        self._link.breaker.failed()
        self.look_at_spool = True

    def _send_or_reject(self, records: Sequence[Record]) -> None:
        try:
            self._link.send(records)
            self.counts.delivered += len(records)
        except InputError as error:
            if len(records) > 1:
                half = len(records) // 2
                self._send_or_reject(records[:half])
                self._send_or_reject(records[half:])
                return
            self._set_aside([(json.dumps(records[0]).encode(), str(error))])

    def _set_aside(self, lines: Sequence[tuple[bytes, str]]) -> None:
        self.counts.rejected += len(lines)
        logger.error("%d invocations are set aside, as %s", len(lines), lines[0][1])
        try:
            spool.reject(self._link.spool, lines)
        except OSError as error:
            # Nobody takes them, and they must not hold up the others.
            logger.error("what was set aside is lost: %s: %s", error.strerror, lines)
            self.counts.lost += len(lines)
