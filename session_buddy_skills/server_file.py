"""What a server that has a database open says of itself, in a file beside the database."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class ServerFile(NamedTuple):
    """Where a server is."""

    url: str
    pid: int
    version: str
    token: str | None = None
    """What it asks its clients for."""

    @property
    def headers(self) -> dict[str, str]:
        """What a request to it needs."""
        return bearer(self.token)


def bearer(token: str | None) -> dict[str, str]:
    """The header that a token is sent in."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def write(path: Path, server: ServerFile) -> None:
    """Say it, for this user's eyes alone.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    import tempfile  # servers write; who reads must start at once

    # For this user's eyes alone, under a name that nobody could have put a link at.
    descriptor, unnamed = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(server._asdict(), file)
    Path(unnamed).replace(path)


def read(path: Path) -> ServerFile | None:
    """What the last server said; None where there is nothing that can be read."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        # A newer version may say more.
        url, pid, version = str(said["url"]), int(said["pid"]), str(said["version"])
        return ServerFile(url, pid, version, said.get("token"))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def read_living(path: Path) -> ServerFile | None:
    """Likewise, but None as well if that server's process is no more.

    Its port may be a stranger's then, who must not be handed the token.
    """
    said = read(path)
    return said if said is not None and is_alive(said.pid) else None


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def remove(path: Path, pid: int) -> None:
    """Take back what this process said, unless another server has spoken since."""
    found = read(path)
    if found is not None and found.pid == pid:
        with suppress(OSError):
            path.unlink()
