"""Claude Code's transcripts: a file a session, and beside it one for each of its subagents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from session_buddy_skills.claude_code.files import sessions_in
from session_buddy_skills.claude_code.invocations import id_of, invocation_of
from session_buddy_skills.claude_code.privacy import kept
from session_buddy_skills.claude_code.transcript import Transcript
from session_buddy_skills.claude_code.uses import Use
from session_buddy_skills.errors import InputError
from session_buddy_skills.importers.records import total_bytes
from session_buddy_skills.imports import BadRecord, ImportedInvocation, Kind, Options, Source
from session_buddy_skills.settings import claude_folder


class Transcripts:
    """Reads them, session by session."""

    kind: Kind = "claude-code"

    def discover(self, home: Path, here: Path) -> list[Path]:
        """The folder of all projects."""
        folder = claude_folder(home) / "projects"
        return [folder] if folder.is_dir() else []

    def size_bytes(self, path: Path) -> int:
        """Of all transcripts in the folder."""
        if path.is_dir():
            return total_bytes(path.rglob("*.jsonl"))
        return total_bytes(file for files in sessions_in(path).values() for file in files)

    def open(self, path: Path, options: Options) -> Iterator[Session]:
        """Each session.

        Raises:
            InputError: there is none.
        """
        sessions = sessions_in(path)
        if not sessions:
            raise InputError(f"{path} has no transcripts of Claude Code (*.jsonl).")
        for main, files in sessions.items():
            session = Session(main, files, options)
            if path.is_file() and not session.is_one:
                raise InputError(f"{path} has no line of a transcript of Claude Code.")
            yield session


class Session(Source):
    """One session, with what it has of its subagents."""

    def __init__(self, path: Path, files: list[Path], options: Options) -> None:
        self.path = path
        self.size_bytes = total_bytes(files)
        self.digest = ""
        self.noted = Counter()
        self._files = files
        self._options = options
        self._transcript: Transcript | None = None
        self._read: list[ImportedInvocation | BadRecord] = []

    @property
    def is_one(self) -> bool:
        """Whether it has a line of a known kind, or none that is whole."""
        transcript = self._whole()
        return transcript.known or not (transcript.noted or transcript.bad)

    def records(self) -> Iterator[ImportedInvocation | BadRecord]:
        """Every use of a skill or subagent in it, by the order of its lines."""
        self._whole()
        return iter(self._read)

    def _whole(self) -> Transcript:
        if self._transcript is None:
            self._transcript = told = Transcript(self.path, self._files)
            self.digest, self.noted = told.digest, told.noted
            self._read = [*(self._invocation(use, told) for use in told.uses), *told.bad]
            # Captured where the transcript could not be read, a command is known by its prompt.
            self.formers = {
                id_of(use.key): id_of(use.prompt_id) for use in told.uses if use.prompt_id
            }
        return self._transcript

    def _invocation(self, use: Use, told: Transcript) -> ImportedInvocation | BadRecord:
        try:
            return invocation_of(
                kept(use, self._options.prompts),
                session_id=self.path.stem,
                project=told.project,
                full_names=self._options.full_names,
                noted=told.noted,
            )
        except InputError as error:
            return BadRecord(f"{self.path.name}, call {use.key}", str(error).rstrip("."))
