"""`session-buddy-skills skills`: the catalog of skills."""

from __future__ import annotations

from pathlib import Path

import click

from session_buddy_skills.cli.asking import ask

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
    from session_buddy_skills.catalog import RegisterRequest
    from session_buddy_skills.importers.skill_files import scan_skills
    from session_buddy_skills.service import Service

    found = scan_skills(home or Path.home() / ".claude", project.absolute(), plugins)
    for file, problem in found.problems.items():
        click.echo(f"left out {file}: {problem}", err=True)
    entries = [entry.model_dump() for entry in found.skills]
    unreadable = [file for file in found.problems if _may_be_known(file)]
    places = {"scanned": found.scanned, "unreadable": unreadable}
    arguments = {"skills": entries, **places}
    done = ask(
        options,
        "register_skills",
        Service.register_skills,
        RegisterRequest,
        arguments,
        reads=False,
    )
    click.echo(
        f"{len(entries)} skills: {done['added']} new, {done['changed']} changed, "
        f"{done['unchanged']} as before; {len(done['removed'])} gone"
    )


@skills.command("list")
@click.option("--source", help="Only those of one source, such as project.")
@click.pass_obj
def list_(options: dict[str, object], source: str | None) -> None:
    """Show the catalog, by name."""
    from session_buddy_skills.catalog import CatalogRequest
    from session_buddy_skills.service import Service

    where = {"source": source}
    answer = ask(options, "list_skills", Service.list_skills, CatalogRequest, where)
    if not answer["skills"]:
        click.echo("no skills; `skills scan` finds them")
    for skill in answer["skills"]:
        text = skill["description"] or ""
        cut = text if len(text) <= COLUMNS else f"{text[: COLUMNS - 1]}…"
        click.echo(f"{skill['name']:30} {skill['source']:11} {cut}".rstrip())


def _may_be_known(file: str) -> bool:
    """Whether a skill of that place can be in the catalog: not if its path is odd."""
    from session_buddy_skills.limits import PATH_CHARS

    return len(file) <= PATH_CHARS and file.encode(errors="ignore").decode() == file
