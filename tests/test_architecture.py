"""The rooms: imports point down, files stay short, SQL stays in its files."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "session_buddy_skills"
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 300
LEVELS = {
    "errors": 0,
    "limits": 0,
    "locations": 0,
    "version": 0,
    "mcp_http": 0,
    "spool": 0,
    "server_file": 0,
    "settings": 0,
    "fields": 0,
    "models": 0,
    "requests": 0,
    "results": 0,
    "catalog": 0,
    "questions": 0,
    "recommendations": 0,
    "workflow": 0,
    "community": 0,
    "activity": 0,
    "changes": 0,
    "ab_tests": 0,
    "taxonomy": 0,
    "clusters": 0,
    "git_metrics": 0,
    "import_reports": 0,
    "imports": 0,
    "wording": 0,
    "local_server": 1,
    "rendering": 1,
    "terminal": 2,
    "analytics": 1,
    "claude_code": 1,
    "embeddings": 1,
    "recommend": 1,
    "storage": 1,
    "intake": 2,
    "background": 1,
    "http_bodies": 1,
    "capturing": 2,
    "tracking": 2,
    "reports": 2,
    "findings": 2,
    "workflow_reports": 2,
    "community_reports": 2,
    "user_reports": 2,
    "activity_reports": 2,
    "change_findings": 2,
    "change_reports": 2,
    "ab_testing": 2,
    "categorizing": 2,
    "analyses": 2,
    "exporting": 2,
    "import_run": 2,
    "importing": 2,
    "validating": 2,
    "advising": 2,
    "service": 2,
    "spooling": 2,
    "tools": 3,
    "web": 3,
    "capture": 3,
    "importers": 3,
    "bridge": 3,
    "shim": 3,
    "app": 4,
    "taking_in": 4,
    "cli": 4,
    "entry": 4,
}
ENTRIES = {"__init__", "__main__"}


def room(module: str) -> str:
    return module.removeprefix("session_buddy_skills").removeprefix(".").split(".")[0]


def imported_rooms(file: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            modules.add(node.module or "")
            modules |= {f"{node.module}.{name.name}" for name in node.names}
    return {room(module) for module in modules if module.startswith("session_buddy_skills.")}


def own_room(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def test_every_room_has_a_level() -> None:
    assert {own_room(file) for file in FILES} - ENTRIES == set(LEVELS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_down(file: Path) -> None:
    own = own_room(file)
    if own in ENTRIES:
        return
    for other in imported_rooms(file) - {own}:
        below = LEVELS[other] < LEVELS[own]
        # The rooms of level 1 and 3 do not know each other; 0, 2 and 4 are sets of single files.
        beside = LEVELS[other] == LEVELS[own] and LEVELS[own] in (0, 2, 4)
        assert below or beside, f"{own} imports {other}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_fits_its_page(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_there_are_no_import_cycles() -> None:
    graph = {room: set[str]() for room in LEVELS}
    for file in FILES:
        if own_room(file) not in ENTRIES:
            graph[own_room(file)] |= imported_rooms(file) - {own_room(file)}
    while leaves := [room for room, below in graph.items() if not below & set(graph)]:
        for leaf in leaves:
            del graph[leaf]
    assert graph == {}


STATEMENT = re.compile(r"\b(SELECT .+ FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE)\b")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_no_sql_in_python(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not STATEMENT.search(node.value), f"{file}: {node.value!r}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_only_settings_reads_the_environment(file: Path) -> None:
    if file.name not in ("settings.py", "locations.py", "hook.py", "hook_server.py"):
        assert not re.search(r"os\.environ|getenv", file.read_text(encoding="utf-8"))
