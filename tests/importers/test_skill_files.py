"""Reading skills from files, well-formed and not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from session_buddy_skills.errors import InputError
from session_buddy_skills.importers.skill_files import read_skill, scan_skills
from tests.conftest import ROOT

REAL = ROOT.parent / "shared/data/claude-code/project"


def write(file: Path, content: str | bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "fix-lint" / "SKILL.md"


@pytest.mark.parametrize(
    ("content", "name", "description"),
    [
        ("---\nname: fix\ndescription: Fixes lint.\n---\n# Fix\n", "fix", "Fixes lint."),
        ("---\r\nname: fix\r\ndescription: Fixes.\r\n---\r\nBody\r\n", "fix", "Fixes."),
        ("\ufeff---\nname: fix\ndescription: Fixes.\n---\n", "fix", "Fixes."),
        ("---\nname: 007\ndescription: yes\n---\n", "007", "yes"),
        ("---\ndescription: Use when: lint fails\n---\n", "fix-lint", "Use when: lint fails"),
        (
            "---\nname: a\ndescription: Use it: now\n  and then\n---\n",
            "a",
            "Use it: now and then",
        ),
        ("---\nname: a\ndescription: >\n  Folded\n  text.\n---\n", "a", "Folded text."),
        ('---\nname: "a"\ndescription: "b: c"\n---\n', "a", "b: c"),
        (
            "---\nname: a\n---\n# Title\n\nThe first\nparagraph.\n\nAnother.\n",
            "a",
            "The first paragraph.",
        ),
        ("# Title\nRight below.\n", "fix-lint", "Right below."),
        ("---\nname:\ndescription:\n---\n", "fix-lint", None),
        ("---\n- a\n- list\n---\nText\n", "fix-lint", "Text"),
        (
            "---\nname: a\ndescription: never closed\n",
            "a",
            "never closed",
        ),
        ("", "fix-lint", None),
        ("---\nname: a\ndescription: d\nx: " + "[" * 5_000 + "\n---\n", "a", "d"),
        ("word " * 2_000, "fix-lint", ("word " * 2_000)[:5_000]),
        ("---\nname: plugin:skill\ndescription: d\n---", "plugin:skill", "d"),
        ("---\nname: überprüfen\ndescription: 検査\n---\n", "überprüfen", "検査"),
    ],
)
def test_name_and_description(file: Path, content: str, name: str, description: str | None) -> None:
    skill = read_skill(write(file, content), "project")
    assert (skill.name, skill.description) == (name, description)
    assert (skill.source, skill.location) == ("project", str(file))


@pytest.mark.parametrize(
    ("value", "tools"),
    [
        ("Bash(psql:*), Write", ["Bash(psql:*)", "Write"]),
        ("Bash(git add:*) Read", ["Bash(git add:*)", "Read"]),
        ("[Read, Grep]", ["Read", "Grep"]),
        ("\n  - Read\n  - Bash(git:*)", ["Read", "Bash(git:*)"]),
        ("", []),
    ],
)
def test_tools_come_as_list_or_text(file: Path, value: str, tools: list[str]) -> None:
    skill = read_skill(write(file, f"---\nname: a\nallowed-tools: {value}\n---\n"), "personal")
    assert skill.allowed_tools == tools


@pytest.mark.parametrize("front", ["modality: image", "metadata:\n  modality: image"])
def test_modality(file: Path, front: str) -> None:
    assert read_skill(write(file, f"---\n{front}\n---\n"), "personal").modality == "image"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff\xfe\x00", "it is not UTF-8 text, at byte 0."),
        (b"x" * (2**20 + 1), "it has 1048577 bytes, more than 1048576."),
        (
            b"---\nname: " + b"n" * 201 + b"\n---\n",
            "name must have at most 200 characters",
        ),
        (
            b"---\ndescription: " + b"d" * 5_001 + b"\n---\n",
            "description must have at most 5000 characters",
        ),
        (b'---\nname: "a\\0b"\n---\n', "name must have no control characters"),
    ],
)
def test_what_cannot_be_a_skill_is_refused(file: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        read_skill(write(file, content), "project")
    assert str(refused.value).startswith(sentence)


def test_all_places_are_read(tmp_path: Path) -> None:
    home, project, plugin = tmp_path / "home", tmp_path / "project", tmp_path / "extra"
    write(home / "skills/style/SKILL.md", "---\ndescription: s\n---\n")
    write(home / "commands/git/sync.md", "Syncs.")
    installed = home / "plugins/marketplaces/m/plugins/acme"
    write(installed / ".claude-plugin/plugin.json", json.dumps({"name": "acme-tools"}))
    write(installed / "skills/changelog/SKILL.md", "Writes it.")
    write(installed / "commands/ship.md", "Ships.")
    write(project / ".claude/skills/tests/SKILL.md", "Tests.")
    write(project / ".claude/skills/notes.md", "no skill")
    write(project / ".claude/commands/check.md", "Checks.")
    write(plugin / "skills/one/SKILL.md", "One.")
    scan = scan_skills(home, project, [plugin])
    assert {(skill.name, skill.source) for skill in scan.skills} == {
        ("style", "personal"),
        ("sync", "command"),
        ("acme-tools:changelog", "plugin"),
        ("acme-tools:ship", "plugin"),
        ("tests", "project"),
        ("check", "command"),
        ("extra:one", "plugin"),
    }
    assert scan.problems == {}
    # Of a plugin that is gone everything is, so that what it had is taken out.
    assert str(home / "plugins") in scan.scanned
    assert str(project / ".claude/skills") in scan.scanned


def test_a_home_that_is_the_project_holds_the_users_own(tmp_path: Path) -> None:
    write(tmp_path / ".claude/skills/style/SKILL.md", "Style.")
    [skill] = scan_skills(tmp_path / ".claude", tmp_path).skills
    assert skill.source == "personal"


def test_of_five_hundred_the_broken_ones_are_told(tmp_path: Path) -> None:
    for n in range(500):
        broken = n % 50 == 7
        content = (
            b"\xff broken" if broken else f"---\nname: s{n}\ndescription: d {n}\n---\n".encode()
        )
        write(tmp_path / f"skills/s{n}/SKILL.md", content)
    scan = scan_skills(tmp_path, tmp_path / "none")
    assert len(scan.skills) == 490
    assert set(scan.problems.values()) == {"it is not UTF-8 text, at byte 0."}
    assert str(tmp_path / "skills/s57/SKILL.md") in scan.problems


@pytest.mark.skipif(not REAL.exists(), reason="the shared data are not here")
def test_the_skills_of_a_real_project() -> None:
    scan = scan_skills(REAL / "home-claude", REAL / "project", [REAL / "plugins" / "acme-tools"])
    by_name = {skill.name: skill for skill in scan.skills}
    assert sorted(by_name) == [
        "acme-tools:changelog", "acme-tools:deps-check", "acme-tools:ship", "db-migrate",
        "deep-audit", "deploy-check", "fix-lint", "manual-only", "personal-style",
        "release-notes", "write-tests",
    ]  # fmt: skip
    assert by_name["db-migrate"].allowed_tools == ["Bash(psql:*)", "Write"]
    assert by_name["personal-style"].source == "personal"
