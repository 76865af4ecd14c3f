"""`setup claude-code` changes what is its own in settings.json, and nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from session_buddy_skills.capture.registration import (
    hooks,
    registered,
    unregistered,
    without_prompts,
)
from session_buddy_skills.errors import InputError
from tests.conftest import COMMAND, ROOT

THEIRS = """{
    "model": "opus",
    "env": {"FOO": "bär"},
    "hooks": {
        "Stop": [{"hooks": [{"type": "command", "command": "say done"}]}],
        "PreToolUse": [
            {"matcher": "Bash", "hooks": [{"type": "command", "command": "other hook"}]}
        ]
    },
    "permissions": {"allow": ["Skill"]}
}"""


def setup(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (home / "project").mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [*COMMAND, "setup", "claude-code", *options],
        env={"HOME": str(home), "PYTHONPATH": str(ROOT)},
        cwd=home / "project",
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / ".claude/settings.json"
    path.parent.mkdir()
    path.write_text(THEIRS, encoding="utf-8")
    path.chmod(0o640)
    return path


def test_the_plugin_has_the_same_hooks() -> None:
    told = json.loads((ROOT / "plugin/hooks/hooks.json").read_text())
    assert told["hooks"] == hooks()


def test_it_is_put_in_beside_what_is_there_and_taken_out(settings: Path, tmp_path: Path) -> None:
    done = setup(tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"--- {settings}" in done.stdout
    assert '"async": true' in done.stdout
    changed = json.loads(settings.read_text())
    theirs = json.loads(THEIRS)
    assert list(changed) == list(theirs)
    assert changed["hooks"]["Stop"][0] == theirs["hooks"]["Stop"][0]
    assert changed["hooks"].keys() == hooks().keys()
    assert changed | {"hooks": None} == theirs | {"hooks": None}
    assert "bär" in settings.read_text()
    assert settings.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in settings.parent.iterdir() if one != settings] == [
        "settings.json.before-session-buddy-skills"
    ]
    assert "needs no change" in setup(tmp_path).stdout
    assert setup(tmp_path, "--undo").returncode == 0
    assert settings.read_text(encoding="utf-8") == THEIRS
    assert list(settings.parent.iterdir()) == [settings]


def test_what_was_changed_since_stays(settings: Path, tmp_path: Path) -> None:
    setup(tmp_path)
    changed = json.loads(settings.read_text()) | {"model": "sonnet"}
    settings.write_text(json.dumps(changed))
    setup(tmp_path, "--undo")
    assert json.loads(settings.read_text()) == json.loads(THEIRS) | {"model": "sonnet"}


@pytest.mark.parametrize("text", ['{"hooks": {}}', '{"hooks": {"Stop": []}, "env": {}}', "{}\n"])
def test_what_was_empty_is_there_again(text: str, settings: Path, tmp_path: Path) -> None:
    settings.write_text(text)
    setup(tmp_path)
    setup(tmp_path, "--undo")
    assert settings.read_text() == text


def test_a_dry_run_writes_nothing(settings: Path, tmp_path: Path) -> None:
    done = setup(tmp_path, "--dry-run")
    assert "Nothing is written" in done.stdout
    assert settings.read_text(encoding="utf-8") == THEIRS
    assert list(settings.parent.iterdir()) == [settings]


def test_where_there_was_nothing_nothing_is_left(tmp_path: Path) -> None:
    assert setup(tmp_path, "--project").returncode == 0
    path = tmp_path / "project/.claude/settings.json"
    # Shared with others, whose program is elsewhere.
    assert json.loads(path.read_text())["hooks"] == hooks()
    assert setup(tmp_path, "--project", "--undo").returncode == 0
    assert list(path.parent.iterdir()) == []


def test_the_setting_of_prompts_stays_until_it_is_taken_out(settings: Path, tmp_path: Path) -> None:
    setup(tmp_path, "--prompts", "redacted")
    setup(tmp_path)
    variable = "SESSION_BUDDY_SKILLS_PROMPTS"
    assert json.loads(settings.read_text())["env"] == {"FOO": "bär", variable: "redacted"}
    setup(tmp_path, "--prompts", "none")
    assert json.loads(settings.read_text())["env"][variable] == "none"
    setup(tmp_path, "--undo")
    assert settings.read_text(encoding="utf-8") == THEIRS


def test_a_setting_of_prompts_that_was_there_stays(settings: Path, tmp_path: Path) -> None:
    """The plugin obeys it as well."""
    text = '{"env": {"SESSION_BUDDY_SKILLS_PROMPTS": "none"}}'
    settings.write_text(text)
    assert "needs no change" in setup(tmp_path, "--undo").stdout
    assert settings.read_text() == text
    assert "is kept in" in setup(tmp_path, "--prompts", "redacted").stdout
    assert setup(tmp_path, "--undo").returncode == 0
    assert json.loads(settings.read_text())["env"] == {"SESSION_BUDDY_SKILLS_PROMPTS": "redacted"}
    setup(tmp_path)
    setup(tmp_path, "--undo")
    assert "PROMPTS" in settings.read_text()


def test_where_the_plugin_is_installed_that_is_told(settings: Path, tmp_path: Path) -> None:
    settings.write_text('{"enabledPlugins": {"session-buddy-skills@session-buddy-skills": true}}')
    done = setup(tmp_path)
    assert "The plugin is installed as well" in done.stdout
    assert "mcp add" not in done.stdout


def test_suggestions_are_asked_for_alone(settings: Path, tmp_path: Path) -> None:
    def hook() -> dict[str, Any]:
        [entry] = json.loads(settings.read_text())["hooks"]["UserPromptSubmit"]
        [found] = entry["hooks"]
        return dict(found)

    setup(tmp_path)
    assert "suggest" not in hook()["command"]
    setup(tmp_path, "--suggest")
    assert hook()["command"].endswith("hook --suggest || true")
    assert "async" not in hook()  # What it says is heard only while Claude Code waits.
    setup(tmp_path)
    assert hook()["command"].endswith("hook --suggest || true")
    setup(tmp_path, "--no-suggest")
    assert hook()["async"] is True
    setup(tmp_path, "--suggest")
    setup(tmp_path, "--undo")
    assert settings.read_text(encoding="utf-8") == THEIRS


@pytest.mark.parametrize(
    "text", ['{\r\n  "model": "opus",\r\n  "n": 1\r\n}\r\n', '{"hooks": {"Notification": []}}']
)
def test_ends_of_lines_and_empty_parts_of_others_stay(
    text: str, settings: Path, tmp_path: Path
) -> None:
    settings.write_bytes(text.encode())
    setup(tmp_path)
    changed = settings.read_bytes().decode()
    assert (
        json.loads(changed).items()
        >= {name: value for name, value in json.loads(text).items() if name != "hooks"}.items()
    )
    assert json.loads(changed)["hooks"].keys() >= json.loads(text).get("hooks", {}).keys()
    assert changed.count("\r\n") in (0, changed.count("\n"))
    assert ("\r\n" in changed) == ("\r\n" in text)
    setup(tmp_path, "--undo")
    assert settings.read_bytes().decode() == text


def test_nobody_may_read_more_than_before(settings: Path, tmp_path: Path) -> None:
    settings.chmod(0o600)
    setup(tmp_path)
    assert {one.stat().st_mode & 0o777 for one in settings.parent.iterdir()} == {0o600}


def test_links_that_lead_nowhere_are_told(settings: Path, tmp_path: Path) -> None:
    settings.unlink()
    settings.symlink_to(settings)
    done = setup(tmp_path)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def test_a_link_stays_one(settings: Path, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.json"
    settings.rename(kept)
    settings.symlink_to(kept)
    setup(tmp_path)
    assert settings.is_symlink()
    assert json.loads(kept.read_text())["hooks"].keys() == hooks().keys()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not JSON, so nothing is changed"),
        ("[]", "must hold an object, so nothing is changed"),
        ('{"hooks": []}', "hooks must be an object, not []"),
        ('{"hooks": {"Stop": {}}}', "hooks.Stop must be a list, not dict"),
        ('{"env": "x"}', 'env must be an object, not "x"'),
    ],
)
def test_what_is_not_as_it_must_be_is_left(
    text: str, reason: str, settings: Path, tmp_path: Path
) -> None:
    settings.write_text(text)
    done = setup(tmp_path, "--prompts", "none")
    assert done.returncode != 0
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert settings.read_text() == text


@pytest.mark.parametrize(
    "settings", [{}, {"model": "opus"}, {"env": {"A": "1"}}, json.loads(THEIRS)], ids=str
)
@pytest.mark.parametrize("program", [None, "/opt/it's here/session-buddy-skills"])
def test_taking_out_is_the_reverse_of_putting_in(
    settings: dict[str, Any], program: str | None
) -> None:
    twice = registered(registered(settings, program, "none"), None, None)
    assert without_prompts(unregistered(twice)) == settings


def test_a_wrong_list_is_named() -> None:
    with pytest.raises(InputError, match=r"hooks\.Stop must be a list, not str"):
        registered({"hooks": {"Stop": "x"}}, None, None)
