"""Arrays that grow."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

D = TypeVar("D", bound=np.generic)

BLOCK_ROWS = 8_192


class Column(Generic[D]):
    """One array of numbers that grows at its end; what was read stays as it was."""

    def __init__(self, dtype: DTypeLike) -> None:
        self._values: NDArray[D] = np.zeros(1_024, dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def values(self) -> NDArray[D]:
        """All values, as a view."""
        return self._values[: self._length]

    def append(self, value: float) -> None:
        """Add one."""
        if self._length == len(self._values):
            self._values = np.concatenate([self._values, np.zeros_like(self._values)])
        self._values[self._length] = value
        self._length += 1


class Blocks:
    """Vectors in blocks of some thousand rows, so that growing copies nothing."""

    def __init__(self, dimensions: int, dtype: DTypeLike = np.float32) -> None:
        self._dimensions = dimensions
        self._dtype = dtype
        self._blocks: list[NDArray[np.floating]] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def extend(self, vectors: NDArray[np.floating]) -> None:
        """Add (n, d) rows."""
        while len(vectors):
            start = self._length % BLOCK_ROWS
            if start == 0:
                self._blocks.append(np.zeros((BLOCK_ROWS, self._dimensions), self._dtype))
            part, vectors = vectors[: BLOCK_ROWS - start], vectors[BLOCK_ROWS - start :]
            self._blocks[-1][start : start + len(part)] = part
            self._length += len(part)

    def shrink(self, rows: int) -> None:
        """Keep the blocks below that row as float16, in half the room."""
        for number in range(rows // BLOCK_ROWS):
            self._blocks[number] = self._blocks[number].astype(np.float16, copy=False)

    def rows(self, numbers: NDArray[np.integer]) -> NDArray[np.float32]:
        """(n, d) of these rows."""
        found = np.zeros((len(numbers), self._dimensions), np.float32)
        for block in np.unique(numbers // BLOCK_ROWS):
            here = numbers // BLOCK_ROWS == block
            found[here] = self._blocks[block][numbers[here] % BLOCK_ROWS]
        return found

    def highest(
        self, vectors: NDArray[np.float32], leave_out: NDArray[np.intp] | None = None
    ) -> NDArray[np.float32]:
        """(m,) of the highest scalar product of each (m, d) vector with a row, -1 without any.

        `leave_out` names one row for each vector that is not compared with it.
        """
        highest = np.full(len(vectors), -1, np.float32)
        for number, block in enumerate(self._blocks):
            first = number * BLOCK_ROWS
            length = min(self._length - first, BLOCK_ROWS)
            products = vectors @ block[:length].astype(np.float32, copy=False).T
            if leave_out is not None:
                here = np.flatnonzero((leave_out >= first) & (leave_out < first + length))
                products[here, leave_out[here] - first] = -1
            np.maximum(highest, products.max(axis=1), out=highest)
        return highest

    def products(self, vectors: NDArray[np.float32], start: int = 0) -> NDArray[np.float32]:
        """(m, n) of scalar products of (m, d) vectors with every row from `start` on."""
        length = self._length
        products = np.empty((len(vectors), max(0, length - start)), np.float32)
        for number in range(start // BLOCK_ROWS, -(-length // BLOCK_ROWS)):
            low = max(start, number * BLOCK_ROWS)
            high = min(length, (number + 1) * BLOCK_ROWS)
            first = number * BLOCK_ROWS
            block = self._blocks[number][low - first : high - first]
            products[:, low - start : high - start] = (
                vectors @ block.astype(np.float32, copy=False).T
            )
        return products
