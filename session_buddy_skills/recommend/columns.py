"""Arrays that grow."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

D = TypeVar("D", bound=np.generic)

BLOCK_ROWS = 8_192
STEPS = 127
"""The numbers of a row that was made small are whole steps, from -127 to 127, of its largest."""


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
        self._make_room(1)
        self._values[self._length] = value
        self._length += 1

    def extend(self, values: NDArray[D]) -> None:
        """Add several."""
        self._make_room(len(values))
        self._values[self._length : self._length + len(values)] = values
        self._length += len(values)

    def _make_room(self, count: int) -> None:
        while self._length + count > len(self._values):
            self._values = np.concatenate([self._values, np.zeros_like(self._values)])


class Blocks:
    """Vectors in blocks of some thousand rows, so that growing copies nothing."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._blocks: list[tuple[NDArray[np.float32 | np.int8], NDArray[np.float32] | None]] = []
        """The rows, and where they are int8, (rows, 1) of the size of a step."""
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def extend(self, vectors: NDArray[np.float32]) -> None:
        """Add (n, d) rows."""
        while len(vectors):
            start = self._length % BLOCK_ROWS
            if start == 0:
                self._blocks.append((np.zeros((BLOCK_ROWS, self._dimensions), np.float32), None))
            part, vectors = vectors[: BLOCK_ROWS - start], vectors[BLOCK_ROWS - start :]
            self._blocks[-1][0][start : start + len(part)] = part
            self._length += len(part)

    def shrink(self, rows: int) -> None:
        """Keep the blocks below that row as int8, in a quarter of the room.

        A scalar product of rows of unit length moves by some 0.0005.
        """
        for number in range(rows // BLOCK_ROWS):
            block, steps = self._blocks[number]
            if steps is None:
                steps = np.maximum(np.abs(block).max(axis=1, keepdims=True), 1e-9) / STEPS
                small = np.rint(block / steps).astype(np.int8)
                self._blocks[number] = small, steps.astype(np.float32)

    def rows(self, numbers: NDArray[np.integer]) -> NDArray[np.float32]:
        """(n, d) of these rows."""
        found = np.zeros((len(numbers), self._dimensions), np.float32)
        for block in np.unique(numbers // BLOCK_ROWS):
            here = numbers // BLOCK_ROWS == block
            found[here] = self._part(int(block), numbers[here] % BLOCK_ROWS)
        return found

    def highest(
        self, vectors: NDArray[np.float32], leave_out: NDArray[np.intp] | None = None
    ) -> NDArray[np.float32]:
        """(m,) of the highest scalar product of each (m, d) vector with a row, -1 without any.

        `leave_out` names one row for each vector that is not compared with it.
        """
        highest = np.full(len(vectors), -1, np.float32)
        for number in range(len(self._blocks)):
            first = number * BLOCK_ROWS
            length = min(self._length - first, BLOCK_ROWS)
            products = vectors @ self._part(number, slice(length)).T
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
            part = self._part(number, slice(low - first, high - first))
            products[:, low - start : high - start] = vectors @ part.T
        return products

    def _part(self, number: int, index: slice | NDArray[np.integer]) -> NDArray[np.float32]:
        """Rows of a block as float32."""
        block, steps = self._blocks[number]
        rows = block[index].astype(np.float32, copy=False)
        return rows if steps is None else rows * steps[index]
