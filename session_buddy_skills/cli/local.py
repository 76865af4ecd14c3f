"""`status`, `stop` and `logs`: the local server, as a shim or `serve` has started it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from session_buddy_skills import local_server, spool
from session_buddy_skills.errors import ServerUnreachableError
from session_buddy_skills.locations import Locations, locations
from session_buddy_skills.wording import counted

Options = dict[str, Any]


def _locations(options: Options) -> Locations:
    folder = options["data_dir"]
    return locations(options["database"], Path(folder) if folder else None)


@click.command()
@click.pass_obj
def status(options: Options) -> None:
    """Show the local server: where it is, and what it holds."""
    own = _locations(options)
    server = local_server.running(own)
    found = local_server.health(server) if server else None
    if server is None and (silent := local_server.hanging(own)) is not None:
        raise ServerUnreachableError(
            f"the server at {silent.url}, process {silent.pid}, does not answer."
        )
    waiting = len(spool.waiting(own.events)) + len(spool.waiting(own.spool))
    if server is None or found is None:
        wait = f" Files that wait for one: {waiting}." if waiting else ""
        raise ServerUnreachableError(
            f"no server has {own.database_path} open; the shim, a hook or `serve` starts one.{wait}"
        )
    click.echo(f"server    {server.url}/mcp, process {server.pid}, version {server.version}")
    if server.token is not None:
        click.echo(f"token     asked for; it is in {own.server_file}")
    click.echo(f"database  {found['database']}")
    click.echo(f"holds     {counted(found['invocations'], 'invocation')}")
    if waiting:
        click.echo(f"waiting   files that are not taken in yet: {waiting}")
    if said := local_server.last_lines(own.beside("hooks.log"), 1):
        click.echo(f"hooks     {said[0].strip()}")
    click.echo(f"up        {found['uptime_seconds'] / 60:.1f} minutes")


@click.command()
@click.pass_obj
def stop(options: Options) -> None:
    """Ask the local server to finish and leave."""
    server = local_server.stop(_locations(options))
    click.echo(f"process {server.pid} has left" if server else "no server was running")


@click.command()
@click.option("-n", "--lines", type=click.IntRange(1), default=50, show_default=True)
@click.pass_obj
def logs(options: Options, lines: int) -> None:
    """Show the end of the log of a server that a shim has started."""
    log = _locations(options).server_log
    found = local_server.last_lines(log, lines)
    click.echo("".join(found) if found else f"there is no log {log}", nl=not found)


LOCAL_SERVER = (status, stop, logs)
