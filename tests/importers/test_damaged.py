"""Damaged files are refused in one sentence, or read for what they say; none is half taken."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_buddy_skills.errors import InputError
from session_buddy_skills.importers.json_text import FaultError, parse
from session_buddy_skills.importers.kinds import BY_KIND
from session_buddy_skills.imports import BadRecord, ImportedInvocation, Kind, Options
from tests.histories import json_file, s0_file, session_buddy_file

GOOD = b'{"invocations": [{"skill_name": "ruff", "invoked_at": "2026-01-02T03:04:05Z"}]}'
BAD_TEXTS: dict[bytes, str] = {
    b"": "byte 0: it is empty.",
    b" \n ": "byte 0: it is empty.",
    b"\xef\xbb\xbf" + GOOD: "byte 0: it is UTF-8 text with a byte order mark; save it as UTF-8 "
    "without one.",
    GOOD.decode().encode("utf-16"): "byte 0: it is UTF-16 text; save it as UTF-8.",
    GOOD.decode().encode("utf-16-le"): "byte 1: it has a NUL byte, so it is no text, or UTF-16.",
    GOOD[:40]: "byte 40: the document ends in the middle.",
    GOOD[:50]: "byte 40: the text that begins here has no end.",
    GOOD[:-1]: "byte 78: the document ends in the middle.",
    GOOD + b"}": "byte 79: it is not JSON: extra data.",
    b"\x89PNG\r\n\xff": "byte 0: it is not UTF-8 text.",
    b"[" * 200_000: "byte 100: lists and objects are nested more than 100 times.",
    b'{"a": 1, "b": {"c": 1, "c": 2}}': 'byte 23: the key "c" is there twice.',
    b'{"\xc3\xa4": 1, "a": ' + b"7" * 5_000 + b"}": "byte 15: a whole number of 5000 digits is too "
    "large.",
    b'{"a": NaN}': "byte 6: NaN is no number in JSON.",
}


@pytest.mark.parametrize(("content", "sentence"), BAD_TEXTS.items(), ids=range(len(BAD_TEXTS)))
def test_a_json_text_is_refused_from_the_byte_on(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "skill_metrics.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        list(BY_KIND["json"].open(path, Options()))
    assert str(refused.value) == f"{path}, {sentence}"
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("kind", "content", "sentence"),
    [
        ("s0", b"", "byte 0: it is empty."),
        ("s0", GOOD, "byte 0: it is no SQLite database."),
        ("session-buddy", b"\0" * 5_000, "byte 0: it is no SQLite database."),
        ("export", GOOD, "byte 0: it is no export of session-buddy-skills."),
        ("export", b'{"summary": {"a": 1,\n', "byte 19: the document ends in the middle."),
    ],
)
def test_another_kind_of_file_is_refused(
    tmp_path: Path, kind: Kind, content: bytes, sentence: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        for source in BY_KIND[kind].open(path, Options()):
            list(source.records())
    assert str(refused.value) == f"{path}, {sentence}"


def test_a_database_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = session_buddy_file(tmp_path / "skills.db", 4, [])
    whole = path.read_bytes()
    path.write_bytes(whole[:-4_096])
    with pytest.raises(InputError) as refused:
        next(BY_KIND["session-buddy"].open(path, Options()))
    size = len(whole) - 4_096
    assert str(refused.value) == f"{path}, byte {size}: it ends here, 4096 bytes too early."


RECORDS: list[dict[str, Any]] = [
    {"skill_name": f"s{n}", "invoked_at": f"2026-01-02T03:04:0{n}+00:00", "session_id": "x",
     "completed": n % 2, "duration_seconds": n / 2, "user_query": "fix it"}
    for n in range(6)
]  # fmt: skip


def _json(folder: Path) -> Path:
    records = [one | {"completed": bool(one["completed"])} for one in RECORDS]
    return json_file(folder / "a.json", {"invocations": records})


def _s0(folder: Path) -> Path:
    rows = [
        {"skill_name": one["skill_name"], "session_id": "x", "completed": one["completed"],
         "created_at": one["invoked_at"][:19], "completed_at": one["invoked_at"][:19]}
        for one in RECORDS
    ]  # fmt: skip
    return s0_file(folder / "s0", rows) / "skills.db"


def _session_buddy(folder: Path) -> Path:
    return session_buddy_file(folder / "b.db", 3, RECORDS)


def _transcript(folder: Path) -> Path:
    path = folder / "session.jsonl"
    same = {"sessionId": "s", "cwd": "/p", "timestamp": "2026-01-02T03:04:05Z"}
    lines = []
    for n in range(4):
        use = {"type": "tool_use", "id": f"t{n}", "name": "Skill", "input": {"skill": f"k{n}"}}
        lines += [
            same | {"type": "user", "message": {"content": f"request {n}"}, "promptSource": "sdk"},
            same | {"type": "assistant", "message": {"id": f"m{n}", "content": [use],
                                                     "stop_reason": "tool_use"}},
            same | {"type": "assistant", "message": {"id": f"n{n}", "stop_reason": "end_turn",
                                                     "content": []}},
        ]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


MADE: dict[Kind, Callable[[Path], Path]] = {
    "json": _json,
    "s0": _s0,
    "session-buddy": _session_buddy,
    "claude-code": _transcript,
}


def read(kind: Kind, path: Path) -> list[ImportedInvocation | BadRecord] | None:
    """Everything in a file, or None where it is refused in a sentence."""
    try:
        found: list[ImportedInvocation | BadRecord] = []
        for source in BY_KIND[kind].open(path, Options()):
            found += source.records()
            source.differences()
            assert not list(source.items())
    except InputError as error:
        refused = str(error)
    else:
        return found
    assert str(path) in refused
    assert refused.endswith(".")
    return None


@pytest.mark.slow
@pytest.mark.parametrize("kind", MADE)
def test_damage_anywhere_is_refused_or_read_exactly(
    kind: Kind, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = MADE[kind](tmp_path_factory.mktemp("damaged"))
    whole = path.read_bytes()
    good = read(kind, path)
    assert good

    @settings(max_examples=300, deadline=None)
    @given(place=st.integers(0, len(whole) - 1), byte=st.integers(0, 255), cut=st.booleans())
    def damage(place: int, byte: int, cut: bool) -> None:
        content = whole[:place] if cut else whole[:place] + bytes([byte]) + whole[place + 1 :]
        path.write_bytes(content)
        found = read(kind, path)
        assert path.read_bytes() == content
        assert [one.name for one in path.parent.iterdir()] == [path.name]
        if found is None or any(isinstance(one, BadRecord) for one in found):
            return
        if kind in ("json", "claude-code") and not cut:
            # What is left is a document of its own, and everything else in it is as it was.
            different = [one for one in found if one not in good]
            assert len(different) <= 4
        if kind == "json":
            assert len(found) == len(json.loads(content)["invocations"])

    damage()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_parse_as_python_does_or_are_refused(content: bytes) -> None:
    with contextlib.suppress(FaultError):
        assert parse(content) == json.loads(content)
