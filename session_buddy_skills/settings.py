"""What can be configured. Nothing else in the package reads the environment."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from session_buddy_skills.errors import InputError, SettingsError, contradiction
from session_buddy_skills.locations import HOST, PORT, PREFIX, Locations, default_data_dir


def _split_paths(value: object) -> object:
    return value.split(os.pathsep) if isinstance(value, str) else value


_OTHER_FORM = re.compile(
    r"\s*((postgres(ql)?|duckdb):(?!//)|(host|hostaddr|port|dbname|user|password|service)\s*=)",
    re.IGNORECASE,
)
"""Addresses as libpq takes them too; taken for a path, a password would become a file's name."""


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _size(value: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)? ?[KMGT]i?B", value):
        raise PydanticCustomError("size", "must be a size like 512MB or 1GB")
    return value


class Settings(BaseSettings):
    """Read from variables that start with `SESSION_BUDDY_SKILLS_`; arguments go before them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid"
    )

    data_dir: Annotated[Path, AfterValidator(_absolute)] = Field(
        default_factory=default_data_dir,
        description="Folder for everything that is kept: database, backups, exports, key.",
    )
    database: str | None = Field(
        default=None,
        repr=False,  # there may be a password in it
        description=(
            "The database: a path, duckdb:///path or postgresql://user@host/name. "
            "Default: skills.duckdb in DATA_DIR."
        ),
    )
    host: str = Field(default=HOST, description="Address that `serve` listens on.")
    port: int = Field(
        default=PORT,
        ge=0,
        le=65535,
        description="Port that `serve` listens on; 0 takes a free one.",
    )
    token: SecretStr | None = Field(
        default=None,
        description=(
            "What clients of `serve` must send as a bearer token, of 16 characters or more, or "
            "`auto`: a new one at each start, which the shim, the bridge and the commands find in "
            "the server's file. Default: none is asked for."
        ),
    )
    prompts: Literal["full", "redacted", "none"] = Field(
        default="full",
        description=(
            "What is kept of requests and arguments that are captured in Claude Code or imported "
            "from its transcripts: `full`, `redacted`, without the secrets that are found in them, "
            "or `none`. For hooks it is set where Claude Code runs."
        ),
    )
    start_server: bool = Field(
        default=True,
        description="Whether hooks of Claude Code start the local server where there is none.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="How much is logged, to standard error."
    )
    export_dirs: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split_paths)] = Field(
        default=(),
        description=(
            "Folders that `export_metrics` may write to, separated as in PATH; "
            "a relative path is taken from the first. Default: exports in DATA_DIR."
        ),
    )
    import_dirs: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split_paths)] = Field(
        default=(),
        description=(
            "Folders that `import_metrics` may read beside those of exports, separated as in PATH; "
            "a relative path is taken from the first. Default: imports in DATA_DIR."
        ),
    )
    user_key: SecretStr | None = Field(
        default=None,
        description=(
            "Key with which user names are hashed. Default: the file user.key in DATA_DIR, "
            "made at first need. Servers that share a database must share the key."
        ),
    )
    memory_limit: Annotated[str, AfterValidator(_size)] = Field(
        default="1GB", description="Most memory that DuckDB takes before it goes to disk."
    )
    connect_timeout: float = Field(
        default=5.0,
        ge=0.1,
        le=60,
        allow_inf_nan=False,
        description="Most seconds that a call waits for a connection to PostgreSQL.",
    )
    embedder: Literal["auto", "onnx", "sentence-transformers", "static", "none"] = Field(
        default="auto",
        description=(
            "What turns text into vectors: a sentence model as int8 ONNX, the same model through "
            "sentence-transformers, static word vectors, or nothing (words alone). auto: static "
            "at once, and onnx as soon as it is ready, where its parts are installed."
        ),
    )
    model: str = Field(
        default="sentence-transformers/all-MiniLM-L6-v2",
        min_length=1,
        description="The sentence model: a name on the Hugging Face hub, or a folder.",
    )
    allow_download: bool = Field(
        default=False,
        description="Whether a sentence model that is not on this machine may be downloaded.",
    )
    index_from: int = Field(
        default=16_000,
        ge=1_000,
        description="Distinct queries above which an index finds the similar ones, not a scan.",
    )
    statement_timeout: float = Field(
        default=30.0,
        ge=0.1,
        le=3_600,
        allow_inf_nan=False,
        description="Most seconds that PostgreSQL may take for one statement, locks included.",
    )
    max_pending_writes: int = Field(
        default=10_000,
        ge=1,
        description="Most invocations that wait for the disk; more are refused.",
    )

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Settings from the environment and `overrides` (those that are not None or empty).

        Raises:
            SettingsError: a value is wrong; the message names the variable.
        """
        try:
            given = {name: value for name, value in overrides.items() if value not in (None, "")}
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            fields = "|".join(cls.model_fields)
            sentence = re.sub(
                rf"(^|; )({fields})\b",
                lambda match: match[1] + PREFIX + match[2].upper(),
                str(InputError.from_validation(error)),
            )
            raise SettingsError(sentence) from error

    @model_validator(mode="after")
    def _safe_token(self) -> Self:
        stated = self.token.get_secret_value() if self.token else "auto"
        if stated != "auto" and not re.fullmatch(r"[!-~]{16,}", stated):
            # Said without the value, which may be a secret with a slip in it.
            raise contradiction(
                "token must be auto, or at least 16 letters, digits and signs without a space"
            )
        return self

    @model_validator(mode="after")
    def _known_engine(self) -> Self:
        if self.database is None:
            return self
        if self.database == ":memory:":
            raise contradiction(
                "database must be a file, not :memory:, since nothing kept there would last"
            )
        if _OTHER_FORM.match(self.database):
            raise contradiction(
                "database must be a path, duckdb:///path or postgresql://user@host/name, "
                "not an address in another form"
            )
        known = self.engine == "postgresql" or re.fullmatch(r"duckdb:///[^?#]+", self.database)
        if "://" in self.database and not known:
            # Not shown whole: an address may carry a password.
            scheme = self.database.split("://")[0]
            raise contradiction(
                "database must be a path, duckdb:///path or postgresql://user@host/name, "
                f"not another kind of {scheme}:// address"
            )
        return self

    @property
    def engine(self) -> Literal["duckdb", "postgresql"]:
        """What keeps the database."""
        return "postgresql" if self.locations.postgresql else "duckdb"

    @property
    def locations(self) -> Locations:
        """Where the database is, and what lies beside it."""
        return Locations(self.data_dir, self.database)

    @property
    def database_path(self) -> Path:
        """Where the DuckDB file is, absolute."""
        return self.locations.database_path

    @property
    def models_folder(self) -> Path:
        """Where models are kept that were made here."""
        return self.data_dir / "models"

    @property
    def export_folders(self) -> tuple[Path, ...]:
        """The folders that exports may go to, absolute and without links."""
        return _resolved(self.export_dirs or (self.data_dir / "exports",))

    @property
    def import_folders(self) -> tuple[Path, ...]:
        """The folders that a tool may read histories from, likewise."""
        folders = self.import_dirs or (self.data_dir / "imports",)
        return _resolved((*folders, *self.export_folders))


def _resolved(folders: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(folder.expanduser().resolve() for folder in folders)


def offline_environment() -> dict[str, str]:
    """The environment of a process of ours whose libraries must not look for the network."""
    return {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


def one_thread_for_arrays() -> None:
    """Have numpy, which is not loaded yet, work on one thread, unless the environment says more.

    What is fitted in the background leaves the other cores to requests, and 10 MB are saved.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def claude_folder(home: Path) -> Path:
    """Where Claude Code keeps what is a user's: CLAUDE_CONFIG_DIR, or `.claude` in the home."""
    named = os.environ.get("CLAUDE_CONFIG_DIR")
    return Path(named) if named else home / ".claude"
