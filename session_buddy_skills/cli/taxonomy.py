"""`session-buddy-skills taxonomy`: kinds of skills, by hand and by rule."""

from __future__ import annotations

import json
from typing import Any

import click

from session_buddy_skills.cli.asking import ask
from session_buddy_skills.cli.reports import as_json

SHOWN_SKILLS = 6
modality = click.option(
    "--modality", is_flag=True, help="A modality, of which a skill has one; not a category."
)


@click.group()
def taxonomy() -> None:
    """What kinds of skills there are: categories and modalities, edited by hand, filled by rule.

    A running server that has the database open is asked to do it.
    """


@taxonomy.command()
@as_json
@click.pass_obj
def show(options: dict[str, object], *, as_json: bool) -> None:
    """Show categories and modalities with their rules and skills, and the stages of phases."""
    from session_buddy_skills.service import Service
    from session_buddy_skills.taxonomy import Taxonomy, TaxonomyRequest

    async def direct(service: Service, request: TaxonomyRequest) -> Taxonomy:
        return await service.analyses.taxonomy.taxonomy(request)

    found = ask(options, "skill_taxonomy", direct, TaxonomyRequest, {})
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for title, kind in (("Categories", "category"), ("Modalities", "modality")):
        click.echo(f"{title}:")
        for one in found["categories"]:
            if one["kind"] == kind:
                click.echo(f"  {one['name']:20} {_skills(one)}")
                click.echo(f"  {'':20} rule: {', '.join(one['words']) or 'none'}")
    if found["uncategorized"]:
        click.echo(f"In no category: {_some(found['uncategorized'])}")
    click.echo("Stages of phases:")
    stages: dict[str, list[str]] = {}
    for one in found["stages"]:
        stages.setdefault(one["stage"], []).append(one["workflow_phase"])
    for stage, phases in stages.items():
        click.echo(f"  {stage:20} {', '.join(phases)}")


@taxonomy.command("set")
@click.argument("name")
@click.option("--words", help="The rule: words or phrases between commas; test* is a beginning.")
@click.option("--description", help="What belongs there.")
@modality
@click.pass_obj
def set_(
    options: dict[str, object],
    name: str,
    *,
    words: str | None,
    description: str | None,
    modality: bool,
) -> None:
    """Make a category, or give it another rule or another description."""
    rule = None
    if words is not None:
        rule = [word.strip() for word in words.split(",") if word.strip()]
    _edit(options, "set", modality=modality, name=name, words=rule, description=description)
    click.echo(f"{name}: set; `taxonomy fill` applies its rule")


@taxonomy.command()
@click.argument("name")
@modality
@click.pass_obj
def remove(options: dict[str, object], name: str, *, modality: bool) -> None:
    """Take a category away; its skills stay skills."""
    _edit(options, "remove", modality=modality, name=name)
    click.echo(f"{name}: removed")


@taxonomy.command()
@click.argument("name")
@click.argument("skill")
@modality
@click.pass_obj
def assign(options: dict[str, object], name: str, skill: str, *, modality: bool) -> None:
    """Put a skill into a category by hand."""
    _edit(options, "assign", modality=modality, name=name, skill_name=skill)
    click.echo(f"{skill}: in {name}")


@taxonomy.command()
@click.argument("name")
@click.argument("skill")
@click.pass_obj
def exclude(options: dict[str, object], name: str, skill: str) -> None:
    """Keep a skill out of a category, whatever its rule says."""
    _edit(options, "exclude", modality=False, name=name, skill_name=skill)
    click.echo(f"{skill}: kept out of {name}")


@taxonomy.command()
@click.argument("phase")
@click.argument("stage")
@click.pass_obj
def stage(options: dict[str, object], phase: str, stage: str) -> None:
    """Say which stage of work a phase belongs to: setup, execution, verification and so on."""
    _edit(options, "stage", modality=False, workflow_phase=phase, stage=stage)
    click.echo(f"{phase}: {stage}")


@taxonomy.command()
@click.pass_obj
def fill(options: dict[str, object]) -> None:
    """Put all skills where the rules say; what was done by hand stays."""
    found = _edit(options, "fill", modality=False)
    by_rule = sum(
        skill["source"] != "manual" for one in found["categories"] for skill in one["skills"]
    )
    left = len(found["uncategorized"])
    click.echo(f"{by_rule} places by rule; {left} skill{'' if left == 1 else 's'} in no category")


def _edit(
    options: dict[str, object], action: str, *, modality: bool, **fields: Any
) -> dict[str, Any]:
    from session_buddy_skills.service import Service
    from session_buddy_skills.taxonomy import EditTaxonomyRequest, Taxonomy

    async def direct(service: Service, request: EditTaxonomyRequest) -> Taxonomy:
        return await service.analyses.taxonomy.edit(request)

    kind = "modality" if modality else "category"
    stated = {name: value for name, value in fields.items() if value is not None}
    arguments = {"action": action, "kind": kind} | stated
    return ask(options, "edit_taxonomy", direct, EditTaxonomyRequest, arguments, reads=False)


def _skills(one: dict[str, Any]) -> str:
    if not one["skills"]:
        return "-"
    return _some([skill["skill_name"] for skill in one["skills"]])


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN_SKILLS
    return ", ".join(names[:SHOWN_SKILLS]) + (f" and {more} more" if more > 0 else "")
