"""What the hook has to do with the local server: start it, and ask it, without waiting for it.

Of the hook's own kind: it loads what it must.
"""

from __future__ import annotations

import os
import sys
import time

from session_buddy_skills.capture.hook import CHARS
from session_buddy_skills.capture.lean_json import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from session_buddy_skills.capture.hook import Fields

_START = (
    "from session_buddy_skills import local_server, locations; "
    "local_server.ensure(locations.locations())"
)
SUGGEST_SECONDS = 0.15
"""What a suggestion may take of the user's time."""


def start(said: str) -> None:
    """Have another process start the server, unless the one that `said` where it is still is there.

    Nobody waits for that.
    """
    if os.environ.get("SESSION_BUDDY_SKILLS_START_SERVER", "").lower() in ("0", "false", "no"):
        return
    try:
        with open(said, "rb") as file:
            os.kill(int(loads(file.read())["pid"]), 0)
            return
    except (OSError, ValueError, KeyError, TypeError):
        pass  # There is none, or it is gone.
    nothing = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in range(3)]
    program = [sys.executable, "-c", _START]
    os.posix_spawn(sys.executable, program, os.environ, file_actions=nothing, setsid=True)


def suggested(told: Fields, said: str) -> str | None:
    """What the local server says of a request, if there is one and it answers in time."""
    import socket

    until = time.monotonic() + SUGGEST_SECONDS
    prompt = told.get("prompt")
    if told.get("hook_event_name") != "UserPromptSubmit" or not isinstance(prompt, str):
        return None
    if prompt.lstrip()[:1] in ("/", "<"):
        return None
    try:
        with open(said, "rb") as file:
            server = loads(file.read())
        host, _, port = server["url"].removeprefix("http://").rpartition(":")
        asked = {name: told.get(name) for name in ("session_id", "prompt_id")}
        body = dumps(asked | {"prompt": prompt[:CHARS]}).encode()
        head = f"POST /suggest HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        if server.get("token"):
            head += f"Authorization: Bearer {server['token']}\r\n"
        answer = b""
        address = host.strip("[]"), int(port)
        with socket.create_connection(address, SUGGEST_SECONDS) as connection:
            connection.sendall(f"{head}\r\n".encode() + body)
            while True:
                connection.settimeout(max(until - time.monotonic(), 0.001))
                if not (part := connection.recv(65_536)):
                    break
                answer += part
        status, _, rest = answer.partition(b"\r\n")
        if b" 200 " not in status:
            return None
        line: str | None = loads(rest.partition(b"\r\n\r\n")[2])["line"]
    except (OSError, ValueError, KeyError):
        return None  # There is no server, or it has no time: nothing is suggested.
    return line
