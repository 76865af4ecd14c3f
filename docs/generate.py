"""Writes docs/tools.md and docs/configuration.md from the code: `make docs`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from session_buddy_skills import limits
from session_buddy_skills.app import TOOLS
from session_buddy_skills.locations import PREFIX
from session_buddy_skills.settings import Settings
from session_buddy_skills.tools.service_tool import ServiceTool

DOCS = Path(__file__).parent
Schema = dict[str, Any]

TOOLS_HEAD = """\
# Tools

Written by `make docs` from the code; do not edit.

Every answer is `structuredContent` and the same JSON as the first text block. A call that is
refused is a tool error whose text is one sentence: what, which value, what would be right; nothing
of it is written. null means not stated. An `Outcome` is pending, completed, failed, abandoned or
unknown. Every write may be sent again: with an `invocation_id` of your own it counts once.

The same tools answer plain HTTP: `POST /tools/{name}` with the arguments as a JSON object answers
with the tool's JSON (200), with `{"error": …}` and the same sentence for bad input (400), for no
such tool (404), for a body over 4 MiB (413), and where the database fails (503). `GET /health`
answers with `health_check`.
"""

CONFIGURATION_HEAD = """\
# Configuration

Written by `make docs` from the code; do not edit.

Variables are read once, at start; options of the command (`--database`, `--data-dir`, and `--host`
and `--port` of `serve`) go before them. An empty variable is as none. A wrong value is refused at
start with a sentence that names it and exit code 78.

| variable | default | meaning |
|---|---|---|
"""

LIMITS_HEAD = """
## Limits

What is longer is refused, never cut; but the bridge, of whose refusals nobody hears, cuts requests
to that length itself.

| limit | meaning |
|---|---|
"""

POSTGRESQL = """
## Your own PostgreSQL

`make serve-postgres` starts one to try it out with, which goes when it ends. To use yours (14 or
newer; tested with 18), with [pgvector](https://github.com/pgvector/pgvector) installed on it:

```console
$ createdb --encoding UTF8 --owner skills skills
$ psql --command 'CREATE EXTENSION vector' skills   # as a superuser, once
$ export SESSION_BUDDY_SKILLS_DATABASE=postgresql://skills@db.example.com/skills
$ session-buddy-skills db migrate
schema version 14
```

- The address is one of libpq: `postgresql://user@host:port/name?sslmode=verify-full`, and what
  else libpq knows. Leave the password to `~/.pgpass` or `PGPASSWORD`; in the address its special
  characters must be percent-encoded (`@` as `%40`), and it is not shown or logged.
- The user must own the database or its schema: the server makes its tables by itself, at start,
  and refuses a schema that holds those of another program. For a schema of its own in a shared
  database, make the schema and add `?options=-csearch_path%3Dskills,public`.
- Any number of servers may share it, started at any time. All need the same `USER_KEY` if users are
  recorded. Each takes up to four connections, and one more while it finds out why it
  gets none.
- Update them together: the first of a newer version brings the schema up to date, and older ones
  then answer with errors until they are started anew in that version.
- Connect directly, or through a pooler that keeps sessions (PgBouncer's `pool_mode=session`).
- Copies are made with PostgreSQL's own tools; `db backup` is for DuckDB. Copy it before
  `db rollback`, which makes no copy there and refuses while servers use the database.
"""

EXIT_CODES = """
## Exit codes

| code | when |
|---|---|
| 0 | done, or stopped by SIGTERM or SIGINT |
| 2 | the command line is wrong |
| 65 | an option is not valid, or the database is not one of a schema known here |
| 65 | `db check` found faults, `import --validate` found a difference, or `import` refused a file |
| 69 | the server cannot listen on the address, or PostgreSQL cannot be reached |
| 70 | anything else |
| 74 | the database cannot be read or written, or the disk is full |
| 75 | another process holds the database, or a lock in it |
| 77 | the database may not be opened for writing, or lets nobody in by that name |
| 78 | a variable, or the option in its place, is wrong |
| 130 | `import` was interrupted; the same command goes on |
"""


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
        print(f"wrote docs/{name}")


def pages() -> dict[str, str]:
    """File names and what they must hold."""
    return {"tools.md": tools_page(), "configuration.md": configuration_page()}


def tools_page() -> str:
    """Every tool with its arguments and its answer."""
    parts = [TOOLS_HEAD]
    for tool in TOOLS:
        parts.append("\n".join(tool_lines(tool)))
    return "\n".join(parts) + "\n"


def tool_lines(tool: ServiceTool) -> Iterator[str]:
    """One tool's section."""
    answer = tool.output_schema or {}
    yield f"## {tool.name}\n"
    yield f"{tool.description}\n"
    yield from field_table("argument", tool.parameters)
    yield "\nAnswers:\n"
    yield from field_table("field", answer)
    for name, schema in answer.get("$defs", {}).items():
        if "properties" in schema:
            yield f"\n`{name}`: {schema.get('description', '')}\n"
            yield from field_table("field", schema)
    for field, schema in tool.parameters["properties"].items():
        item = schema.get("items", {}).get("$ref", "").rpartition("/")[2]
        whole = schema.get("$ref", "").rpartition("/")[2]
        if item or "properties" in tool.parameters.get("$defs", {}).get(whole, {}):
            yield f"\nEach of `{field}`:\n" if item else f"\nIn `{field}`:\n"
            item = item or whole
            yield from field_table("field", tool.parameters["$defs"][item])
    yield ""


def field_table(head: str, schema: Schema) -> Iterator[str]:
    """A table of a schema's fields, or a line that there are none."""
    fields = schema.get("properties", {})
    if not fields:
        yield "No arguments."
        return
    yield f"| {head} | type | meaning |"
    yield "|---|---|---|"
    required = schema.get("required", []) if "session_id" in fields or head == "argument" else []
    for name, field in fields.items():
        meaning = field.get("description", "")
        note = " **Required.**" if name in required else ""
        yield f"| `{name}` | {type_name(field)} | {meaning}{note} |".replace("  ", " ")


def type_name(field: Schema) -> str:
    """The type of a field in a few words, with its bounds."""
    choices = field.get("anyOf", [])
    if choices:
        return " or ".join(type_name(choice) for choice in choices)
    if "$ref" in field:
        return f"`{field['$ref'].rsplit('/', 1)[-1]}`"
    if "const" in field:
        return json.dumps(field["const"])
    if field.get("type") == "array":
        return f"list of {type_name(field['items'])}{bounds(field, 'minItems', 'maxItems')}"
    if field.get("type") == "object" and "additionalProperties" in field:
        return f"object of {type_name(field['additionalProperties'])}"
    kind = field.get("format") or field.get("type", "any")
    low, high = ("minimum", "maximum") if "minimum" in field else ("minLength", "maxLength")
    return f"{kind}{bounds(field, low, high)}"


def bounds(field: Schema, low: str, high: str) -> str:
    """The bounds of a field, such as ` (1 to 5)`."""
    if high not in field:
        return ""
    unit = {"maxLength": " characters", "maxItems": " items"}.get(high, "")
    return f" ({field.get(low, 0):,} to {field[high]:,}{unit})"


def configuration_page() -> str:
    """Every variable, every limit, and how to use a PostgreSQL."""
    rows = "".join(variable_rows())
    limits = "".join(limit_rows())
    return f"{CONFIGURATION_HEAD}{rows}{LIMITS_HEAD}{limits}{POSTGRESQL}{EXIT_CODES}"


def variable_rows() -> Iterable[str]:
    """A row per variable."""
    for name, field in Settings.model_fields.items():
        plain = field.default_factory is None and field.default not in (None, ())
        default = f"`{field.default}`" if plain else DEFAULTS[name]
        yield f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |\n"


DEFAULTS = {
    "data_dir": "the user's data directory, `~/.local/share/session-buddy-skills` on Linux",
    "database": "`skills.duckdb` in the data folder",
    "export_dirs": "`exports` in the data folder",
    "import_dirs": "`imports` in the data folder",
    "token": "none",
    "user_key": "the file `user.key` in the data folder",
}


def limit_rows() -> Iterable[str]:
    """A row per limit."""
    for limit, meaning in (
        (limits.NAME_CHARS, "characters of a name: skill, session, phase, project, user, error"),
        (limits.QUERY_CHARS, "characters of a user query"),
        (limits.LIST_ITEMS, "alternatives, or follow-up actions, of one invocation"),
        (limits.ITEM_CHARS, "characters of one of them"),
        (limits.BATCH_INVOCATIONS, "invocations in one `record_invocations`"),
        (limits.CATALOG_SKILLS, "skills in one `register_skills`"),
        (limits.DESCRIPTION_CHARS, "characters of a skill's description"),
        (limits.PATH_CHARS, "characters of its location"),
        (limits.RECOMMENDED_SKILLS, "skills in one recommendation"),
        (limits.REQUEST_CHARS, "characters of the query that a skill is looked for"),
        (limits.BODY_BYTES, "bytes of one HTTP request"),
    ):
        yield f"| {limit:,} | {meaning} |\n"


if __name__ == "__main__":
    main()
