"""Keeps what is known, and what models make of it, in step with the record, in the background."""

from __future__ import annotations

import asyncio
import logging
import time

import anyio

from session_buddy_skills.advising.keeper import Keeper
from session_buddy_skills.advising.knowledge import Knowledge
from session_buddy_skills.advising.live_model import LiveModel
from session_buddy_skills.advising.log import RecommendationLog
from session_buddy_skills.advising.memory import give_back, keep_large_apart
from session_buddy_skills.advising.threads import in_background
from session_buddy_skills.background import stop
from session_buddy_skills.embeddings.choosing import Choice, choices
from session_buddy_skills.errors import EmbedderError, SkillsError, StorageError
from session_buddy_skills.results import EmbeddingHealth
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.evidence_store import EvidenceStore
from session_buddy_skills.storage.store import InvocationStore

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.2
"""How long the background waits for news before it looks for what is due by now."""
GATHER_SECONDS = 0.05
"""How long news is gathered: what is made of it is written, which those who record wait for."""
MUCH_NEWS = 100
"""So much is taken in without waiting for more."""
POLL_SECONDS = 5.0
"""How often other servers' writes are looked for, where there may be other servers."""
RETRY_SECONDS = 2.0
MODEL_WAIT_SECONDS = 1.5
"""How long after the record was read requests wait for a model, before words alone answer."""
LONGEST_WAIT_SECONDS = 10.0
"""How long a request waits for the record to be read, at the start."""


class Upkeep:
    """What is known, the model in use, and the tasks that keep both in step."""

    def __init__(
        self, settings: Settings, store: EvidenceStore, invocations: InvocationStore
    ) -> None:
        self._news = asyncio.Event()
        self.keeper = Keeper(store, invocations, self._news.set)
        self.log = RecommendationLog(store)
        self.model: LiveModel | None = None
        self.loaded = anyio.Event()
        """Whether what is recorded has been read."""
        self.requests = 0
        """Requests that are being answered, which go before the backlog."""
        self.begun = anyio.Event()
        """Whether a model has come into use, or none will."""
        self._settings = settings
        self._store = store
        self._next_model: LiveModel | None = None
        self._settled = anyio.Event()
        """Whether the next model has come into use, or been given up."""
        self._preparing = True
        self._note: str | None = None
        self._coming: str | None = None
        self._in_use: str | None = None
        """The name of the choice that is in use."""
        self._trouble = ""
        self._begins_by = 0.0
        self._gathers_until = 0.0
        self._failed = asyncio.Event()
        """Whether the model in use has failed."""
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def knowledge(self) -> Knowledge:
        """What is known."""
        return self.keeper.knowledge

    @property
    def health(self) -> EmbeddingHealth:
        """Which model answers, and how much the one that is to answer has yet to take in."""
        live = self._next_model or self.model
        backlog = self.keeper.waiting + (live.backlog if live else 0)
        return EmbeddingHealth(
            embedding_model=self.model.embedder.model if self.model else None,
            embedding_mode=self.model.embedder.mode if self.model else "lexical",
            # Nobody should take for ready what has not begun.
            embedding_backlog=max(backlog, int(self._preparing)),
            embedding_note=self._note or self._coming,
        )

    async def until_loaded(self) -> None:
        """Wait until what is recorded has been read, and a moment for the first model.

        Raises:
            StorageError: it could not be read, or takes long.
        """
        if self.loaded.is_set() and self.begun.is_set():
            return
        with anyio.move_on_after(LONGEST_WAIT_SECONDS):
            await self.loaded.wait()
            with anyio.move_on_after(self._begins_by - time.monotonic()):
                await self.begun.wait()
            return
        reason = self._trouble or "it takes long"
        raise StorageError(f"what is recorded has not been read yet ({reason}); ask again later.")

    def start(self) -> None:
        """Begin to keep in step."""
        keep_large_apart()
        # Not in a task group: who opens a service need not be the task that closes it.
        self._tasks = [asyncio.create_task(work()) for work in (self._keep_up, self._prepare)]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def close(self) -> None:
        """Stop, and keep what was recommended."""
        self._closing = True
        await stop(self._tasks)
        try:
            while await self.log.keep(at_once=True):
                pass
        except StorageError as error:
            logger.error("the last recommendations are not kept: %s", error)
        for model in (self.model, self._next_model):
            if model is not None:
                await model.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            logger.critical("recommendations stay as they are: %r", error, exc_info=error)
            self._note = f"recommendations stay as they are, since their upkeep broke: {error!r}"

    async def _keep_up(self) -> None:
        next_poll = time.monotonic() + POLL_SECONDS
        while not self._closing:
            try:
                did = await self._keep_in_step()
                if self.keeper.is_stale and not did:
                    await self._read_everything()
                if self._store.database.engine == "postgresql" and time.monotonic() > next_poll:
                    next_poll = time.monotonic() + POLL_SECONDS
                    if await self.keeper.others_wrote():
                        await self._read_everything()
            # Whatever happens here, requests are answered and the next round may go well.
            except Exception as error:
                unexpected = not isinstance(error, SkillsError)
                logger.error(
                    "recommendations are not in step with the record: %s",
                    error,
                    exc_info=unexpected,
                )
                self._trouble = str(error)
                did = False
                await anyio.sleep(RETRY_SECONDS)
            if not did:
                with anyio.move_on_after(IDLE_SECONDS):
                    await self._news.wait()
                    await anyio.sleep(GATHER_SECONDS)
                self._news.clear()

    async def _keep_in_step(self) -> bool:
        if not self.loaded.is_set():
            await self._read_everything()
        did = await self._take_in()
        did |= await self.keeper.fit_documents()
        did |= await self.log.keep()
        for model in (self.model, self._next_model):
            if model is not None:
                did |= await self._catch_up(model)
        return did

    async def _take_in(self) -> bool:
        """Take in news, unless it is being gathered; whether there was any."""
        if time.monotonic() < self._gathers_until and self.keeper.waiting < MUCH_NEWS:
            return False
        self._gathers_until = time.monotonic() + GATHER_SECONDS
        return await self.keeper.take_in()

    async def _read_everything(self) -> None:
        await self.keeper.read_everything()
        for model in (self.model, self._next_model):
            if model is not None:
                model.use(self.keeper.knowledge)
        if not self.loaded.is_set():
            self._begins_by = time.monotonic() + MODEL_WAIT_SECONDS
            self.loaded.set()

    async def _catch_up(self, model: LiveModel) -> bool:
        try:
            did = await model.catch_up(lambda: self.requests == 0)
        except EmbedderError as error:
            logger.error("the model %s is not used further: %s", model.embedder.model, error)
            self._note = str(error)
            if self._next_model is model:
                self._next_model = None
                self._settled.set()
            else:
                self.model = self._in_use = None
                self._failed.set()
            await model.close()
            return True
        if model is self._next_model and model.is_caught_up:
            logger.info("recommendations come from the model %s", model.embedder.model)
            before, self.model, self._next_model = self.model, model, None
            self._settled.set()
            self.begun.set()
            if before is not None:
                await before.close()
            await in_background(give_back)
        return did

    async def _prepare(self) -> None:
        """Load the embedders, the quick one first."""
        await self.loaded.wait()
        try:
            for choice in await choices(self._settings):
                self._preparing = True
                if await self._take(choice) and not choice.stopgap:
                    self._preparing = False
                    # What comes after it in the list is for when it fails.
                    await self._failed.wait()
                    self._failed.clear()
        finally:
            self._preparing = False
            self.begun.set()

    async def _take(self, choice: Choice) -> bool:
        """Load an embedder and let it catch up; whether it came into use."""
        if choice.name == self._in_use:
            return True
        self._coming = f"{choice.name} is being made ready."
        try:
            model = await self._loaded_model(choice)
        # Whatever it is, the next in the list may do.
        except Exception as error:
            unexpected = not isinstance(error, SkillsError)
            level = logging.INFO if choice.optional and not unexpected else logging.WARNING
            if str(error) != self._note:  # two that need the same model are told of once
                logger.log(level, "%s cannot be used: %s", choice.name, error, exc_info=unexpected)
            self._note = str(error)
            self._coming = None
            return False
        if not (choice.stopgap or choice.last_resort):
            self._note = None
        if model.knowledge is not self.keeper.knowledge:
            model.use(self.keeper.knowledge)
        self._next_model = model
        self._news.set()
        self._settled = anyio.Event()
        await self._settled.wait()
        self._coming = None
        if self.model is model:
            self._in_use = choice.name
        return self.model is model

    async def _loaded_model(self, choice: Choice) -> LiveModel:
        embedder = await choice.load()
        while True:
            model = LiveModel(self._settings, embedder, self._store, self.keeper.knowledge)
            try:
                await model.load()
                return model
            except StorageError as error:
                # The model is as good as before; the database may be back in a moment.
                logger.error("what %s made before cannot be read: %s", choice.name, error)
                await anyio.sleep(RETRY_SECONDS)
