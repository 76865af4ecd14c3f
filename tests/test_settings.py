from __future__ import annotations

from pathlib import Path

import pytest

from session_buddy_skills.locations import PREFIX
from session_buddy_skills.settings import Settings


@pytest.mark.parametrize(
    ("database", "path"),
    [
        (None, "/data/skills.duckdb"),
        ("/a/b.duckdb", "/a/b.duckdb"),
        ("duckdb:///a/b%20c.duckdb", "/a/b c.duckdb"),
        ("~/b.duckdb", "/home/b.duckdb"),
    ],
)
def test_database_path(monkeypatch: pytest.MonkeyPatch, database: str | None, path: str) -> None:
    monkeypatch.setenv("HOME", "/home")
    assert Settings.load(data_dir=Path("/data"), database=database).database_path == Path(path)


def test_variables_are_read_and_arguments_go_before_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}PORT", "1234")
    monkeypatch.setenv(f"{PREFIX}EXPORT_DIRS", "/a:/b")
    monkeypatch.setenv(f"{PREFIX}HOST", "")
    settings = Settings.load()
    assert (settings.port, settings.host) == (1234, "127.0.0.1")
    assert settings.export_folders == (Path("/a"), Path("/b"))
    assert Settings.load(port=99).port == 99
