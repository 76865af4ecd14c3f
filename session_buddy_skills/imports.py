"""History from elsewhere: what importers read, and what is asked of an import."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from session_buddy_skills.fields import NO_CONTROL, OptionalName, OptionalQuery, no_nul
from session_buddy_skills.limits import NAME_CHARS, PATH_CHARS
from session_buddy_skills.models import RecordRequest
from session_buddy_skills.requests import Question

NAMESPACE = UUID("6b1d3a0e-2f4c-5f7e-9d51-0c6f2a7b8e94")
"""Of ids that are made of what a record says."""
LEGACY_SESSION = "legacy-"
"""How sessions begin that a file does not name: they are called after the file's hash."""
Kind = Literal["json", "s0", "session-buddy", "claude-code", "export"]
CalledBy = Literal["model", "subagent", "slash"]
Tokens = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
RawName = Annotated[str, StringConstraints(max_length=NAME_CHARS), AfterValidator(no_nul)]


class ImportedInvocation(RecordRequest):
    """A whole invocation from a history, with what is known of the call."""

    invocation_id: UUID = Field(description="Made of the record itself, so that it counts once.")
    arguments: OptionalQuery = Field(default=None, description="What was passed to the skill.")
    called_as: RawName | None = Field(default=None, description="The name as it was called.")
    called_by: CalledBy | None = None
    agent_id: OptionalName = None
    model: OptionalName = None
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    end_inferred: bool | None = None
    user_hash: OptionalName = Field(default=None, description="In place of user, hashed already.")


@dataclass(slots=True, frozen=True)
class BadRecord:
    """A record that cannot be taken, with its place in the file."""

    place: str
    reason: str


@dataclass(slots=True)
class Options:
    """How files are read.

    `timezone` is that of times without one, None the machine's; `session_id` is given to records
    without one, by default `legacy-` and the file's hash.
    """

    timezone: ZoneInfo | None = None
    session_id: str | None = None
    full_names: Mapping[str, str] = field(default_factory=dict)
    """Of plugins' skills, by what follows the plugin's name in them."""
    prompts: str = "full"
    """What is kept of the requests and arguments in transcripts."""

    def aware(self, time: datetime) -> datetime:
        """The time with its zone; of a naive one that is repeated in autumn, the first."""
        if time.tzinfo is not None:
            return time
        return time.astimezone() if self.timezone is None else time.replace(tzinfo=self.timezone)


def full_names(catalog: Sequence[str]) -> dict[str, str]:
    """Names of plugins' skills by what follows their plugin's, where that is one skill's alone."""
    full: dict[str, set[str]] = {}
    for name in catalog:
        full.setdefault(name.rpartition(":")[2], set()).add(name)
    return {short: names.pop() for short, names in full.items() if len(names) == 1}


@dataclass(slots=True)
class Item:
    """A row of another table that a file brings, such as a category, with the columns of its key.

    A `user` in it is a name, and is kept as `user_hash`.
    """

    relation: str
    key: tuple[str, ...]
    row: dict[str, Any]


class Source(Protocol):
    """One file, or one session of several files, opened to be read more than once.

    One that has invocations alone, and no totals, inherits the rest.
    """

    path: Path
    size_bytes: int
    digest: str
    """SHA-256 of the content, in hexadecimal."""
    noted: Counter[str]
    """What is worth telling of it, and how often; whole once it was read."""
    formers: Mapping[UUID, UUID] = {}
    """Ids that invocations may be stored under already, by theirs; likewise."""

    def records(self) -> Iterator[ImportedInvocation | BadRecord]:
        """Its invocations, and what cannot be taken."""

    def items(self) -> Iterator[Item | BadRecord]:
        """Rows of other tables."""
        return iter(())

    def differences(self) -> list[str]:
        """How the file's own totals differ from its own records."""
        return []


class Importer(Protocol):
    """Reads one kind of history."""

    kind: Kind

    def discover(self, home: Path, here: Path) -> list[Path]:
        """Where there is such a history, of this user and in this folder."""

    def size_bytes(self, path: Path) -> int:
        """How much there is to read."""

    def open(self, path: Path, options: Options) -> Iterator[Source]:
        """Each file in turn, closed when the next is asked for.

        Raises:
            InputError: there is nothing of this kind.
        """


def _known_zone(name: str | None) -> str | None:
    try:
        return name and ZoneInfo(name).key
    except (ValueError, OSError, KeyError):  # no name of a zone, a folder of zones, or none
        raise PydanticCustomError("zone", "must be a time zone like Europe/Berlin") from None


class HowImported(Question):
    """How a history is taken in."""

    dry_run: bool = Field(default=False, description="Tell what would come, and write nothing.")
    timezone: Annotated[str | None, AfterValidator(_known_zone)] = Field(
        default=None,
        description="Of times without one, like Europe/Berlin. Default: that of the machine.",
    )
    skip_invalid: bool = Field(
        default=False,
        description="Leave out records that cannot be taken; if not, their file is refused whole.",
    )
    session_id: OptionalName = Field(
        default=None,
        description="Of records that state none. Default: legacy- and their file's hash.",
    )


class Ordered(HowImported):
    """An import that a caller orders."""

    kind: Kind = Field(description="What the path is.")
    paths: Annotated[list[Path], Field(min_length=1)]

    @property
    def options(self) -> Options:
        """How the files are read."""
        return Options(ZoneInfo(self.timezone) if self.timezone else None, self.session_id)

    @property
    def zone(self) -> str:
        """What times without a zone are taken for."""
        return self.timezone or f"{datetime.now().astimezone().tzname()}, this machine's"


class ImportRequest(HowImported):
    """An import that a model orders: one file or folder, inside the allowed folders."""

    path: Annotated[
        str, StringConstraints(min_length=1, max_length=PATH_CHARS, pattern=NO_CONTROL)
    ] = Field(description="A file or folder inside the allowed folders.")
    kind: Kind = Field(
        description=(
            "json: skill_metrics.json of crackerjack or session-buddy; s0: crackerjack's folder "
            "skills.db; session-buddy: its skills.db; claude-code: transcripts; export: ours."
        )
    )
