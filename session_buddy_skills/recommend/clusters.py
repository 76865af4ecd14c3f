"""Groups of skills that are alike, and the words that tell them apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from session_buddy_skills.recommend.terms import STOP_WORDS

Vectors: TypeAlias = NDArray[np.float32] | csr_array
"""(K, d), dense or sparse."""
Floats = NDArray[np.float64]
Key = TypeVar("Key")

MOST_COMPARED = 2_000
"""Skills that are compared each with each; of more, the others go to the nearest group."""
TERMS = 5
NAME_TERMS = 3
FEWEST_CHARS = 2
SHORTEST = 1e-9
"""Vectors that are no longer say nothing."""
SAME_CLUSTER = 0.5
"""Share of common members, of all members of both, from which on a group is the one it was."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """K skills in groups that are numbered from 0, the largest first."""

    labels: NDArray[np.intp]
    """(K,)."""
    closeness: Floats
    """(K,) of the cosine of each with the centre of its group."""


def lengths(vectors: Vectors) -> Floats:
    """(K,) of the length of each."""
    if isinstance(vectors, csr_array):
        return np.asarray(np.sqrt(vectors.multiply(vectors).sum(axis=1)), np.float64)
    return np.asarray(np.linalg.norm(vectors, axis=1), np.float64)


def grouped(vectors: Vectors) -> Grouping:
    """Put K >= 1 skills into about √K groups by their (K, d) vectors, each longer than SHORTEST.

    Ward's method on vectors of unit length, whose squared distance is 2 - 2·cosine: of two groups
    those become one that lie closest to their common centre. Equal input has equal output.

    Source: J. H. Ward, "Hierarchical grouping to optimize an objective function", Journal of the
    American Statistical Association 58 (1963).
    """
    unit = _unit(vectors)
    compared = unit[:MOST_COMPARED]
    found = _ward(compared)
    centres = _centres(compared, found)
    if unit.shape[0] > compared.shape[0]:
        rest = _products(unit[MOST_COMPARED:], centres).argmax(axis=1)
        found = np.concatenate([found, rest])
        centres = _centres(unit, found)
    closeness = _products(unit, centres)[np.arange(len(found)), found]
    sizes = np.bincount(found)
    first = [int(np.argmax(found == group)) for group in range(len(sizes))]
    order = sorted(range(len(sizes)), key=lambda group: (-sizes[group], first[group]))
    place = np.empty(len(sizes), np.intp)
    place[order] = np.arange(len(sizes))
    return Grouping(place[found], np.clip(closeness, -1, 1).astype(np.float64))


def telling_terms(
    weights: csr_array, labels: NDArray[np.intp], terms: Sequence[str]
) -> list[list[str]]:
    """For each group up to five words, the most telling first.

    `weights` are (K, T) of how much each of the first T terms says of each skill. A term tells as
    much as its mean weight in the group lies above its mean weight elsewhere.
    """
    words = [place for place in range(weights.shape[1]) if _is_word(terms[place])]
    member = csr_array((np.ones(len(labels)), (labels, np.arange(len(labels)))))
    sums = (member @ weights[:, words]).toarray()
    members = np.bincount(labels)[:, None]
    elsewhere = (sums.sum(axis=0) - sums) / np.maximum(len(labels) - members, 1)
    telling = sums / members - elsewhere
    return [_distinct(row, [terms[place] for place in words]) for row in telling]


def names_of(groups: Sequence[Sequence[str]]) -> list[str]:
    """A name for each group, of its first words; none twice."""
    names: list[str] = []
    for number, terms in enumerate(groups, 1):
        name = ", ".join(terms[:NAME_TERMS]) or f"group {number}"
        names.append(name if name not in names else f"{name} ({number})")
    return names


def same_as_before(
    before: Mapping[Key, Iterable[str]], groups: Sequence[Iterable[str]]
) -> dict[int, Key]:
    """Which of the new groups is which of the old: one that has at least half of both in common."""
    members = {key: frozenset(names) for key, names in before.items()}
    likeness = [
        (len(members[key] & new) / len(members[key] | new), number, key)
        for number, new in enumerate(map(frozenset, groups))
        for key in members
    ]
    found: dict[int, Key] = {}
    for like, number, key in sorted(likeness, key=lambda one: (-one[0], one[1])):
        if like >= SAME_CLUSTER and number not in found and key not in found.values():
            found[number] = key
    return found


def _ward(unit: Vectors) -> NDArray[np.intp]:
    count = unit.shape[0]
    if count < 3:
        return np.arange(count)
    # A server starts without them: they take a thirtieth of that.
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distances = np.sqrt(np.clip(2 - 2 * _products(unit, unit), 0, None))
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), "ward")
    groups: NDArray[np.intp] = fcluster(tree, round(count**0.5), "maxclust") - 1
    return groups


def _products(some: Vectors, others: Vectors) -> Floats:
    """The product of each row with each other's, dense."""
    products = some @ others.T
    dense = products.toarray() if isinstance(products, csr_array) else products
    return np.asarray(dense, np.float64)


def _unit(vectors: Vectors) -> Vectors:
    scale = 1 / lengths(vectors)[:, None]
    return csr_array(vectors.multiply(scale)) if isinstance(vectors, csr_array) else vectors * scale


def _centres(unit: Vectors, labels: NDArray[np.intp]) -> Vectors:
    """The means of the groups, of unit length."""
    member = csr_array((np.ones(len(labels), np.float32), (labels, np.arange(len(labels)))))
    return _unit(member @ unit)


def _is_word(term: str) -> bool:
    has_letters = any(char.isalpha() for char in term)
    return len(term) >= FEWEST_CHARS and term.isalnum() and has_letters and term not in STOP_WORDS


def _distinct(telling: Floats, terms: Sequence[str]) -> list[str]:
    """The highest, without other forms of a word that is there already."""
    found: list[str] = []
    for place in np.argsort(-telling, kind="stable"):
        term = terms[place]
        if telling[place] <= 0 or len(found) == TERMS:
            break
        if not any(one.startswith(term) or term.startswith(one) for one in found):
            found.append(term)
    return found
