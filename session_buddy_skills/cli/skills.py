"""`session-buddy-skills skills`: the catalog of skills."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import anyio
import click

from session_buddy_skills.errors import DatabaseHeldError, InputError

if TYPE_CHECKING:
    from session_buddy_skills.settings import Settings

SECONDS = 30
COLUMNS = 60


@click.group()
def skills() -> None:
    """The catalog: what skills there are, and what they say of themselves.

    A running server that has the database open is asked to do it.
    """


@skills.command()
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Claude Code's own folder.  [default: ~/.claude]",
)
@click.option(
    "--project",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="A project, with skills in .claude/skills.  [default: the current folder]",
)
@click.option(
    "--plugin",
    "plugins",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    multiple=True,
    help="A folder with a plugin's skills; may be given several times.",
)
@click.pass_obj
def scan(
    options: dict[str, object], home: Path | None, project: Path, plugins: tuple[Path, ...]
) -> None:
    """Read SKILL.md files and slash commands into the catalog.

    Looks into the user's own folder, its plugins, the project, and plugins named here. Files that
    are gone since the last scan are taken out; what is recorded of their skills stays.
    """
    from session_buddy_skills.importers.skill_files import scan_skills

    found = scan_skills(home or Path.home() / ".claude", project.absolute(), plugins)
    for file, problem in found.problems.items():
        click.echo(f"left out {file}: {problem}", err=True)
    entries = [entry.model_dump() for entry in found.skills]
    unreadable = [file for file in found.problems if _may_be_known(file)]
    places = {"scanned": found.scanned, "unreadable": unreadable}
    done = _ask(options, "register_skills", {"skills": entries, **places})
    click.echo(
        f"{len(entries)} skills: {done['added']} new, {done['changed']} changed, "
        f"{done['unchanged']} as before; {len(done['removed'])} gone"
    )


@skills.command("list")
@click.option("--source", help="Only those of one source, such as project.")
@click.pass_obj
def list_(options: dict[str, object], source: str | None) -> None:
    """Show the catalog, by name."""
    answer = _ask(options, "list_skills", {"source": source})
    if not answer["skills"]:
        click.echo("no skills; `skills scan` finds them")
    for skill in answer["skills"]:
        text = skill["description"] or ""
        cut = text if len(text) <= COLUMNS else f"{text[: COLUMNS - 1]}…"
        click.echo(f"{skill['name']:30} {skill['source']:11} {cut}".rstrip())


def _may_be_known(file: str) -> bool:
    """Whether a skill of that place can be in the catalog: not if its path is odd."""
    from session_buddy_skills.settings import PATH_CHARS

    return len(file) <= PATH_CHARS and file.encode(errors="ignore").decode() == file


def _ask(options: dict[str, object], tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The tool's answer: from the database, or from the server that holds it."""
    from session_buddy_skills.settings import Settings

    settings = Settings.load(**options)
    try:
        return anyio.run(partial(_ask_database, settings, tool, arguments))
    except DatabaseHeldError as held:
        return _ask_server(settings, tool, arguments, held)


async def _ask_database(settings: Settings, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from session_buddy_skills.catalog import CatalogRequest, RegisterRequest
    from session_buddy_skills.models import checked
    from session_buddy_skills.service import open_service

    async with open_service(settings, recommending=False) as service:
        if tool == "register_skills":
            done = await service.register_skills(checked(RegisterRequest, **arguments))
            return done.model_dump(mode="json")
        listed = await service.list_skills(checked(CatalogRequest, **arguments))
        return listed.model_dump(mode="json")


def _ask_server(
    settings: Settings, tool: str, arguments: dict[str, Any], held: DatabaseHeldError
) -> dict[str, Any]:
    server = f"http://{settings.host}:{settings.port}"
    try:
        health = _call(f"{server}/health")
        if health["database"] != str(settings.database_path):
            raise held  # another server, with another catalog
        return _call(f"{server}/tools/{tool}", json.dumps(arguments).encode())
    except HTTPError as error:
        answer = error.read().decode(errors="replace")
        raise InputError(f"the server at {server} answered: {answer[:500]}") from error
    except (OSError, ValueError, KeyError) as error:
        raise held from error


def _call(url: str, body: bytes | None = None) -> dict[str, Any]:
    with urlopen(url, body, timeout=SECONDS) as answer:  # noqa: S310 - the scheme is named above
        result: dict[str, Any] = json.load(answer)
        return result
