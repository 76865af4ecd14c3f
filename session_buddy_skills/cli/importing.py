"""`session-buddy-skills import`: history from elsewhere, and the way back."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click

from session_buddy_skills.errors import DatabaseHeldError, InputError

if TYPE_CHECKING:
    from session_buddy_skills.import_reports import RefusedFile, Validation
    from session_buddy_skills.imports import Kind
    from session_buddy_skills.service import Service

T = TypeVar("T")
INTERRUPTED = 130
"""The exit code of a program that SIGINT has ended."""
KINDS = ("json", "s0", "session-buddy", "claude-code", "export")


@click.command("import", short_help="Take in history from elsewhere, or take it out again.")
@click.argument("source", required=False, type=click.Choice(KINDS))
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--discover", is_flag=True, help="Find what there is, and import all of it.")
@click.option("--dry-run", is_flag=True, help="Tell what would come, and write nothing.")
@click.option("--timezone", metavar="ZONE", help="Of times without one.  [default: the machine's]")
@click.option("--skip-invalid", is_flag=True, help="Leave out records that cannot be taken.")
@click.option(
    "--session-id", metavar="ID", help="For records without one.  [default: legacy-<file's hash>]"
)
@click.option("--list", "list_", is_flag=True, help="Show what was imported.")
@click.option("--undo", type=click.UUID, metavar="RUN", help="Take one import out again.")
@click.option(
    "--validate", type=click.UUID, metavar="RUN", help="Hold an import's source against it."
)
@click.pass_obj
def import_(
    options: dict[str, object],
    /,
    source: Kind | None,
    paths: tuple[Path, ...],
    discover: bool,
    list_: bool,
    undo: UUID | None,
    validate: UUID | None,
    **how: Any,
) -> None:
    """Take in history: SOURCE says what PATH... is.

    \b
    json           skill_metrics.json of crackerjack or session-buddy, and exports of it
    s0             crackerjack's folder skills.db
    session-buddy  session-buddy's skills.db
    claude-code    transcripts of Claude Code
    export         what `export_metrics` wrote

    Without a PATH, what --discover finds of that kind is taken in. The same history may be imported
    again: what is there already counts once. A file with a record that cannot be taken is refused
    whole. No server may have the database open.
    """
    given = [bool(source), discover, list_, bool(undo), bool(validate)]
    if sum(given) != 1:
        raise click.UsageError(
            "name a SOURCE, or one of --discover, --list, --undo and --validate."
        )
    if (list_ or undo or validate) and (idle := [name for name, value in how.items() if value]):
        option = idle[0].replace("_", "-")
        raise click.UsageError(f"--{option} goes with what is imported: SOURCE or --discover.")
    from session_buddy_skills.cli.import_texts import runs_text, undone_text

    if list_:
        click.echo(runs_text(_run(options, lambda service: service.imports.runs(), dry=True)))
    elif undo:
        click.echo(undone_text(_run(options, lambda service: service.imports.undo(undo))))
    elif validate:
        _validate(options, validate)
    else:
        _import(options, _sources(source, paths), how)


def _validate(options: dict[str, object], run_id: UUID) -> None:
    from session_buddy_skills.cli.import_texts import Bar, validation_text
    from session_buddy_skills.importers.kinds import BY_KIND

    async def work(service: Service) -> Validation:
        with Bar() as bar:
            return await service.imports.validate(run_id, BY_KIND, bar)

    found = _run(options, work)
    click.echo(validation_text(found))
    if not found.holds:
        raise InputError(f"the import {run_id} is not what its source has.")


def _sources(source: Kind | None, paths: tuple[Path, ...]) -> dict[Kind, list[Path]]:
    from session_buddy_skills.importers.kinds import BY_KIND, discover

    home, here = Path.home(), Path.cwd()
    if source is None:
        found = discover(home, here)
        if not found:
            raise InputError(f"there is no history in {here} nor in {home}.")
        for kind, some in found.items():
            click.echo(f"found {kind}: {', '.join(map(str, some))}", err=True)
        return found
    if chosen := list(paths) or BY_KIND[source].discover(home, here):
        return {source: [path.absolute() for path in chosen]}
    raise InputError(f"there is no {source} history in {here} nor in {home}; name a path.")


def _import(
    options: dict[str, object], sources: dict[Kind, list[Path]], how: dict[str, Any]
) -> None:
    from session_buddy_skills.cli.import_texts import Bar, report_text
    from session_buddy_skills.importers.kinds import BY_KIND
    from session_buddy_skills.imports import Ordered
    from session_buddy_skills.requests import checked

    orders = [checked(Ordered, kind=kind, paths=paths, **how) for kind, paths in sources.items()]

    async def work(service: Service) -> list[RefusedFile]:
        refused = []
        for order in orders:
            with Bar() as bar:
                report = await service.imports.run(BY_KIND[order.kind], order, bar)
            click.echo(report_text(report))
            refused += report.refused
        return refused

    try:
        refused = _run(options, work, dry=how["dry_run"], reads=False)
    except KeyboardInterrupt:
        click.echo(
            "\ninterrupted; what was written stays as an unfinished run (`import --list`), and the "
            "same command goes on with the rest",
            err=True,
        )
        sys.exit(INTERRUPTED)
    if refused:
        if len(refused) > 1:
            raise InputError(f"{len(refused)} files were refused; nothing of them was taken.")
        raise InputError(refused[0].sentence)


def _run(
    options: dict[str, object],
    work: Callable[[Service], Awaitable[T]],
    *,
    dry: bool = False,
    reads: bool = True,
) -> T:
    """What the work makes of the database; `dry`, where there is none, of an empty one."""
    import anyio

    from session_buddy_skills.cli.asking import require_database
    from session_buddy_skills.service import open_service
    from session_buddy_skills.settings import Settings

    settings = Settings.load(**options)
    if reads and not dry:
        require_database(settings)

    async def run(settings: Settings) -> T:
        async with open_service(settings, recommending=False) as service:
            return await work(service)

    if dry and settings.engine == "duckdb" and not settings.database_path.exists():
        with TemporaryDirectory() as folder:
            return anyio.run(run, Settings.load(data_dir=Path(folder), database=f"{folder}/empty"))
    try:
        return anyio.run(run, settings)
    except DatabaseHeldError as held:
        raise DatabaseHeldError(
            f"{str(held).rstrip('.')}. If that is its server, `session-buddy-skills stop` ends it, "
            "and its tool `import_metrics` imports as well."
        ) from held
