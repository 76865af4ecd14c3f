"""The server that programs on this machine share: found by its file, started when there is none."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from session_buddy_skills import server_file
from session_buddy_skills.errors import DatabaseHeldError, ServerUnreachableError
from session_buddy_skills.locations import Locations, shared_environment
from session_buddy_skills.server_file import ServerFile
from session_buddy_skills.version import VERSION

START_SECONDS = 25.0
"""What a start may take; Claude Code itself gives up after 30."""
HELD_SECONDS = 8.0
"""How long a database may be held by another process that is about to leave."""
STOP_SECONDS = 20.0
AGAIN_SECONDS = 1.0
"""After which a start is tried again that found the database held."""
LOOK_SECONDS = 0.05
HEALTH_SECONDS = 2.0
SERVE = ("serve", "--any-port", "--idle-minutes", "30")
OK = 200


def running(locations: Locations) -> ServerFile | None:
    """The server that has this database open, if it answers."""
    said = server_file.read_living(locations.server_file)
    # What a killed server left may name a port, or a process, that is another's now.
    if said is None or (health(said) or {}).get("process_id") != said.pid:
        return None
    return said


def hanging(locations: Locations) -> ServerFile | None:
    """One that says it has this database open, is a process, and does not answer."""
    said = server_file.read_living(locations.server_file)
    return said if said is not None and health(said) is None else None


def health(server: ServerFile) -> dict[str, Any] | None:
    """What a server answers to `GET /health`; None if it does not."""
    address = urlsplit(server.url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=HEALTH_SECONDS)
    try:
        connection.request("GET", "/health", headers=server.headers)
        answer = connection.getresponse()
        found: dict[str, Any] = json.loads(answer.read())
        return found if answer.status == OK else None
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()


def ensure(locations: Locations) -> ServerFile:
    """The server of this database: the one that runs, unless it is older than this, or a new one.

    Raises:
        ServerUnreachableError: it could not be started; the message says why.
    """
    found = running(locations)
    return _start(locations) if found is None or _is_older(found) else found


def stop(locations: Locations, server: ServerFile | None = None) -> ServerFile | None:
    """Ask the server, or this one alone, to finish and leave, and wait until it has gone.

    Answers with it; None if none was running.

    Raises:
        ServerUnreachableError: it has not left in time.
    """
    found = running(locations)
    if found is None and server is None and (silent := hanging(locations)) is not None:
        raise ServerUnreachableError(
            f"the server at {silent.url} does not answer. If process {silent.pid} is one of "
            "session-buddy-skills, end it by hand."
        )
    if found is None or (server is not None and found.pid != server.pid):
        return None  # it has gone, or gone and been replaced
    with suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while time.monotonic() < end:
        # It takes its file back once the database is closed; killed, it cannot.
        said = server_file.read(locations.server_file)
        if said is None or said.pid != found.pid or not server_file.is_alive(found.pid):
            return found
        time.sleep(LOOK_SECONDS)
    raise ServerUnreachableError(f"the server with process id {found.pid} has not left.")


def last_lines(path: Path, count: int) -> list[str]:
    """The end of a log; nothing where there is none."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return list(deque(file, count))
    except FileNotFoundError:
        return []


def _start(locations: Locations) -> ServerFile:
    """Start one, or wait for the one that another is starting: twenty at once would be slow.

    An older one is asked to leave first.
    """
    log = locations.server_log
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        lock = locations.start_lock.open("a")
    except OSError as error:
        raise ServerUnreachableError(
            f"the server did not start: {log.parent} cannot be written: {error.strerror}"
        ) from error
    process: subprocess.Popen[bytes] | None = None
    end = time.monotonic() + START_SECONDS
    held_end = time.monotonic() + HELD_SECONDS
    with lock:
        while time.monotonic() < end:
            found = running(locations)
            if found is not None and not _is_older(found):
                return found
            if process is None and _is_ours(lock):
                if found is not None:
                    # Now that no older program can start it again.
                    stop(locations, found)
                process = _spawn(locations)
            code = None if process is None else process.poll()
            if code == DatabaseHeldError.exit_code:
                # By one that is about to leave, or not.
                if time.monotonic() > held_end:
                    raise ServerUnreachableError(f"the server did not start: {_last_said(log)}")
                process = None
                time.sleep(AGAIN_SECONDS)
            elif code is not None:
                raise ServerUnreachableError(f"the server did not start: {_last_said(log)}")
            time.sleep(LOOK_SECONDS)
    said = _last_said(log)
    raise ServerUnreachableError(f"the server did not start in {START_SECONDS:.0f} s: {said}")


def _is_ours(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _spawn(locations: Locations) -> subprocess.Popen[bytes]:
    log = locations.server_log
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            # -P, or files in that folder that are named as modules are would be run.
            [sys.executable, "-P", "-m", "session_buddy_skills", *SERVE],
            env=shared_environment(locations),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            cwd=log.parent,
        )
    finally:
        os.close(descriptor)


def _last_said(log: Path) -> str:
    said = "".join(last_lines(log, 1)).strip() or "it said nothing"
    return f"{said} (see {log})"


def _is_older(server: ServerFile) -> bool:
    return _parts(server.version) < _parts(VERSION)


def _parts(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
