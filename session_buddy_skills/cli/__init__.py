"""The command `session-buddy-skills`."""

from __future__ import annotations

import logging
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from session_buddy_skills.cli.activity import ACTIVITY
from session_buddy_skills.cli.db import db
from session_buddy_skills.cli.importing import import_
from session_buddy_skills.cli.local import LOCAL_SERVER
from session_buddy_skills.cli.reports import REPORTS
from session_buddy_skills.cli.setup import setup
from session_buddy_skills.cli.skills import skills
from session_buddy_skills.cli.taxonomy import taxonomy
from session_buddy_skills.errors import SkillsError

HELP = """Record every use of an agent's skills, and answer from the record.

Without a command it is what an MCP host starts: MCP on standard input and output, passed on to the
local server, which is started when there is none and leaves after half an hour without a call.
"""


class _GroupWithVariables(click.Group):
    def format_epilog(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the environment variables."""
        from session_buddy_skills.locations import PREFIX
        from session_buddy_skills.settings import Settings

        with formatter.section("Variables"):
            formatter.write_dl(
                [
                    (f"{PREFIX}{name.upper()}", field.description or "")
                    for name, field in Settings.model_fields.items()
                ]
            )


@click.group(
    cls=_GroupWithVariables,
    help=HELP,
    invoke_without_command=True,
    context_settings={"max_content_width": 100},
)
@click.option(
    "--database", metavar="PATH", help="The database: a file, or postgresql://user@host/name."
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Folder for database, backups, exports and key.",
)
@click.option(
    "--isolated",
    is_flag=True,
    help="Without a command: serve in this very process, which then holds the database.",
)
@click.version_option(package_name="session-buddy-skills")
@click.pass_context
def cli(
    context: click.Context,
    database: str | None,
    data_dir: Path | None,
    isolated: bool,
) -> None:
    context.obj = {"database": database, "data_dir": data_dir}
    if context.invoked_subcommand is None:
        if isolated:
            _serve_with("serve_stdio", context.obj)
            return
        from session_buddy_skills.locations import locations
        from session_buddy_skills.shim.passing import main as run_shim

        run_shim(locations(database, data_dir))


@cli.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    help="Port to listen on; 0 takes a free one.  [default: 8678]",
)
@click.option("--any-port", is_flag=True, help="Take a free port where that one is taken.")
@click.option(
    "--idle-minutes",
    type=click.FloatRange(0, min_open=True),
    help="Leave after so long without a call.  [default: never]",
)
@click.pass_obj
def serve(options: dict[str, object], /, host: str | None, port: int | None, **how: Any) -> None:
    """Serve MCP over HTTP, until SIGTERM or Ctrl-C."""
    _serve_with("serve_http", options | {"host": host, "port": port}, **how)


@cli.command()
@click.option("--suggest", is_flag=True, help="Name a skill that fits a request beyond doubt.")
@click.option("--from", help="Another program than Claude Code: gemini-cli, copilot-cli, …")
@click.option("--event", help="Which event it is, where that program does not say so.")
def hook(**_options: object) -> None:
    """Keep an event of Claude Code, whose hooks run this; see `setup`.

    Where it is kept the environment alone says.
    """
    raise click.UsageError("hook takes no options before it; set SESSION_BUDDY_SKILLS_DATA_DIR.")


cli.add_command(db)
for of_server in LOCAL_SERVER:
    cli.add_command(of_server)
cli.add_command(import_)
cli.add_command(setup)
cli.add_command(skills)
cli.add_command(taxonomy)
for command in (*REPORTS, *ACTIVITY):
    cli.add_command(command)


def _serve_with(name: str, options: dict[str, object], **how: Any) -> None:
    # Imported here: the server's libraries take over a second to load.
    import anyio

    from session_buddy_skills.cli import serving
    from session_buddy_skills.settings import Settings

    anyio.run(partial(getattr(serving, name), Settings.load(**options), **how))


def main() -> None:
    """Run the command; an error is one sentence on standard error and an exit code."""
    # The driver tells of what is raised as well.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    try:
        cli(prog_name="session-buddy-skills")
    except SkillsError as error:
        click.echo(f"session-buddy-skills: {error}", err=True)
        sys.exit(error.exit_code)
