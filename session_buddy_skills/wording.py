"""Words and numbers as a line of text takes them; light, since `status` waits for it."""

from __future__ import annotations

import re

_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
"""What would break a line, steer a terminal, or turn text around."""


def counted(number: int, thing: str) -> str:
    """1 invocation, 2 invocations."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def one_line(text: str) -> str:
    """The text with whatever is not seen as a blank."""
    return _UNSEEN.sub(" ", text).strip()


def beginning(text: str, most: int) -> str:
    """The first so many characters of the text, and … for the rest."""
    return text if len(text) <= most else f"{text[:most]}…"
