"""The key with which user names are hashed."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from session_buddy_skills.errors import StorageError

HashUser = Callable[[str], str]
"""Turns a user's name into what is kept of it."""
_HASHED = re.compile(r"user:[0-9a-f]{32}")


class UserHasher:
    """Names in, keyed hashes out: BLAKE2b with a key, 128 bits, written `user:` and hex.

    What is such a hash already stays as it is, so that an export can be recorded again.
    """

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(key, digest_size=32).digest()

    def __call__(self, user: str) -> str:
        if _HASHED.fullmatch(user):
            return user
        return f"user:{hashlib.blake2b(user.encode(), key=self._key, digest_size=16).hexdigest()}"


def load_user_key(path: Path) -> bytes:
    """The key in this file, which is made, readable by its owner alone, where there is none.

    Raises:
        StorageError: the file cannot be read or made.
    """
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_bytes().strip()
    except OSError as error:
        raise StorageError(f"the key for user names, {path}, cannot be read: {error}.") from error
    if not key:
        raise StorageError(f"the key for user names, {path}, is empty; restore it.")
    return key


def _make_key(path: Path) -> None:
    """Write a new key, whole; of two that do so at once the first wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(descriptor)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
