"""JSON documents read strictly: whole, and with a sentence that names the byte of what is wrong.

Python's parser alone keeps the last of equal keys and knows numbers that nothing can store.
"""

from __future__ import annotations

import json
import re
from typing import Any

from session_buddy_skills.errors import shown

DEEPEST = 100
"""Levels of lists and objects that a history may have within each other."""
LONGEST_INTEGER = 18
"""Digits that fit 64 bits whatever they are."""
_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|[{}\[\]:,]|NaN|-?Infinity', re.DOTALL
)
_BOMS = (
    (b"\xef\xbb\xbf", "UTF-8 text with a byte order mark; save it as UTF-8 without one"),
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
)


class FaultError(Exception):
    """Text is not what it must be, from this byte on."""

    def __init__(self, byte: int, reason: str) -> None:
        super().__init__(f"byte {byte}: {reason}.")
        self._byte = byte
        self._reason = reason

    def after(self, bytes_before: int) -> FaultError:
        """The same fault, of text that stands so far inside a file."""
        return FaultError(self._byte + bytes_before, self._reason)


def parse(content: bytes) -> Any:
    """The value of a JSON document.

    Raises:
        FaultError: it is none, or one that cannot be kept exactly.
    """
    text = decode(content)
    try:
        return json.loads(
            text, object_pairs_hook=_distinct, parse_int=_short, parse_constant=_no_constant
        )
    except json.JSONDecodeError as error:
        raise FaultError(len(text[: error.pos].encode()), _said(text, error)) from None
    except (_Odd, RecursionError):
        raise _found(text) from None


def decode(content: bytes) -> str:
    """UTF-8 text that has something in it.

    Raises:
        FaultError: it is something else.
    """
    for mark, what in _BOMS:
        if content.startswith(mark):
            raise FaultError(0, f"it is {what}")
    if not content.strip():
        raise FaultError(0, "it is empty")
    if (nul := content.find(0)) >= 0:
        raise FaultError(nul, "it has a NUL byte, so it is no text, or UTF-16")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise FaultError(error.start, "it is not UTF-8 text") from None


class _Odd(Exception):  # noqa: N818 - a signal to itself, not an error to others
    pass


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Odd
    return found


def _short(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER:
        raise _Odd
    return int(digits)


def _no_constant(_name: str) -> None:
    raise _Odd


def _said(text: str, error: json.JSONDecodeError) -> str:
    if error.pos >= len(text.rstrip()):
        return "the document ends in the middle"
    if error.msg.startswith("Unterminated string"):
        return "the text that begins here has no end"
    return f"it is not JSON: {error.msg[:1].lower()}{error.msg[1:]}"


def _found(text: str) -> FaultError:
    """Where it is that a document, which parses, cannot be kept exactly."""
    keys: list[set[str] | None] = []
    before = ""
    for token in _TOKEN.finditer(text):
        here, start = token[0], token.start()
        reason = ""
        if here in "{[":
            keys.append(set() if here == "{" else None)
            if len(keys) > DEEPEST:
                reason = f"lists and objects are nested more than {DEEPEST} times"
        elif here in "}]":
            keys.pop()
        elif here[0] == '"' and keys and keys[-1] is not None and before in ("{", ","):
            name = json.loads(here)
            if name in keys[-1]:
                reason = f"the key {shown(name)} is there twice"
            keys[-1].add(name)
        elif here in ("NaN", "Infinity", "-Infinity"):
            reason = f"{here} is no number in JSON"
        elif (digits := here.lstrip("-")).isdigit() and len(here) > LONGEST_INTEGER:
            reason = f"a whole number of {len(digits)} digits is too large"
        if reason:
            return FaultError(len(text[:start].encode()), reason)
        before = here
    return FaultError(0, f"lists and objects are nested more than {DEEPEST} times")
