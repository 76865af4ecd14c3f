"""What `json` does, with the interpreter's own functions for it and nothing around them.

`json` loads `re`, and with it `enum`, `functools` and `collections`: more than a third of a hook's
time. Where an interpreter has no such functions, or others, `json` it is.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SPACE = " \t\n\r"
"""What JSON allows around a value (RFC 8259)."""


class _Reading:
    """How `_json` is to read: as `json.loads` does without options."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


try:
    import _json

    _scan = _json.make_scanner(_Reading)  # type: ignore[arg-type] # it takes what has these fields
    _chunks = _json.make_encoder(
        None, str, _json.encode_basestring_ascii, None, ": ", ", ", False, False, True
    )
    _lean = _scan("[1]", 0) == ([1], 3) and "".join(_chunks({"a": None}, 0)) == '{"a": null}'
except (ImportError, AttributeError, TypeError, ValueError):
    _lean = False


def loads(data: bytes) -> Any:
    """What a JSON text says, in any of the encodings that `json.loads` takes.

    Raises:
        ValueError: it is none.
    """
    if _lean:
        try:
            text = data.decode().strip(SPACE)
            value, end = _scan(text, 0)
            if end == len(text):
                return value
        except (StopIteration, ValueError, SystemError):
            pass  # `json` knows other encodings, and says what is wrong.
    import json

    return json.loads(data)


def dumps(value: Any) -> str:
    """The value as JSON, in one line of ASCII."""
    if not _lean:
        import json

        return json.dumps(value)
    return "".join(_chunks(value, 0))
