"""Bridges, and servers that misbehave in a chosen way."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from session_buddy_skills.bridge import SkillsTracker, create_skills_tracker
from session_buddy_skills.bridge.recorder import Recorder
from session_buddy_skills.locations import PREFIX
from tests.conftest import ServerProcess

Misbehaviour = Callable[[socket.socket], None]
NewTracker = Callable[..., SkillsTracker]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where bridges of this test spool, and servers of this test keep their data."""
    folder = tmp_path / "data"
    monkeypatch.setenv(f"{PREFIX}DATA_DIR", str(folder))
    monkeypatch.setenv(f"{PREFIX}EMBEDDER", "none")
    return folder


@pytest.fixture
def shared_dir(shared_server: ServerProcess, data_dir: Path, monkeypatch: Any) -> Path:
    """The folder of that server, in which bridges of this test spool."""
    monkeypatch.setenv(f"{PREFIX}DATA_DIR", str(shared_server.data_dir))
    return shared_server.data_dir


@pytest.fixture
def new_tracker(data_dir: Path) -> Iterator[NewTracker]:
    """Makes trackers, and closes them."""
    made: list[SkillsTracker] = []

    def new(url: str, session_id: str = "s", **how: Any) -> SkillsTracker:
        made.append(
            create_skills_tracker(session_id, mcp_server_url=url, **{"backend": "mcp", **how})
        )
        return made[-1]

    yield new
    for one in made:
        one.close()


@contextlib.contextmanager
def misbehaving(what: Misbehaviour) -> Iterator[str]:
    """A server that does this with each connection; answers with its address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    over = threading.Event()

    def serve_one(client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            what(client)

    def serve() -> None:
        while not over.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve_one, args=(client,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    over.set()
    listener.close()


def hanging(client: socket.socket) -> None:
    """Takes all, answers nothing."""
    while client.recv(65_536):
        pass


def dripping(head: bytes) -> Misbehaviour:
    """Answers this and then blanks, a byte ten times a second."""

    def what(client: socket.socket) -> None:
        client.recv(65_536)
        for byte in head + b" " * 100_000:
            client.sendall(bytes([byte]))
            time.sleep(0.1)

    return what


def answering_late(url: str, seconds: float) -> Misbehaviour:
    """Answers as the server at that address does, so much later."""
    port = int(url.rpartition(":")[2])

    def what(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            asking = threading.Thread(target=pass_on, args=(client, server, 0), daemon=True)
            asking.start()
            pass_on(server, client, seconds)

    def pass_on(source: socket.socket, target: socket.socket, pause: float) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                time.sleep(pause)
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)

    return what


def answering(answer: bytes) -> Misbehaviour:
    """Answers each request with these bytes."""

    def what(client: socket.socket) -> None:
        while client.recv(65_536):
            client.sendall(answer)

    return what


def http(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Until it is so; fails if it does not come."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            pytest.fail("it did not come")
        time.sleep(0.02)


def settled(recorder: Recorder) -> bool:
    """Whether nothing waits any more, in memory or in the spool."""
    status = recorder.status()
    return status.queued == status.spooled == 0
