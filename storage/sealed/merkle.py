"""The Merkle tree of RFC 6962 over hashes that are kept elsewhere: roots, proofs and their verification. Pure.

A `Node` function answers for the perfect subtrees: `node(height, index)` is the hash over the 2**height leaves that
begin at leaf index * 2**height. All else is put together from those.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

HASH_BYTES = 32
#: The hash of the perfect subtree at (height, index).
Node: TypeAlias = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def perfect(hashes: Sequence[bytes]) -> bytes:
    """The hash over a power of two of hashes of equal height."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def over(leaves: Sequence[bytes]) -> Node:
    """The nodes of a tree whose leaf hashes are all at hand."""
    return lambda height, index: perfect(leaves[index << height : (index + 1) << height])


def root(node: Node, size: int) -> bytes:
    """The hash over the first `size` leaves."""
    return _range(node, 0, size) if size else hashlib.sha256().digest()


def inclusion(node: Node, index: int, size: int) -> list[bytes]:
    """Proof that leaf `index` is one of the first `size`. Raises ValueError when it is not."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} among the first {size}")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range(node, middle, high))
            high = middle
        else:
            path.append(_range(node, low, middle))
            low = middle
    return path[::-1]


def consistency(node: Node, old: int, new: int) -> list[bytes]:
    """Proof that the first `new` leaves begin with the first `old`. Raises ValueError when `old` is the larger."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves cannot continue one of {old}")
    if old in {0, new}:
        return []
    path: list[bytes] = []
    low, high = 0, new
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_range(node, middle, high))
            high = middle
        else:
            path.append(_range(node, low, middle))
            low = middle
    if low:
        path.append(_range(node, low, high))
    return path[::-1]


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root_hash: bytes) -> bool:
    """Whether `path` proves that `leaf` is leaf `index` of the tree with this size and root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    here, last, found = index, size - 1, leaf
    for hash_ in path:
        if last == 0:
            return False
        if here & 1 or here == last:
            found = node_hash(hash_, found)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            found = node_hash(found, hash_)
        here, last = here >> 1, last >> 1
    return last == 0 and found == root_hash


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether `path` proves that the tree of size `new` begins with the one of size `old` (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == 0:
        return not path and old_root == hashlib.sha256().digest()
    if old == new:
        return not path and old_root == new_root
    proof = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not proof:
        return False
    here, last = old - 1, new - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    first = second = proof[0]
    for hash_ in proof[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            first, second = node_hash(hash_, first), node_hash(hash_, second)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            second = node_hash(second, hash_)
        here, last = here >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


class Peaks:
    """A tree that only grows and keeps no more than one hash per level: the root at each size as leaves come by."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    @classmethod
    def at(cls, node: Node, size: int) -> Peaks:
        """As if the first `size` leaves of the tree had been pushed."""
        peaks = cls()
        peaks.size = size
        heights = [height for height in reversed(range(size.bit_length())) if size >> height & 1]
        peaks._peaks = [node(height, (size >> height) - 1) for height in heights]
        return peaks

    def push(self, leaf: bytes) -> None:
        carried, size = leaf, self.size
        while size & 1:
            carried, size = node_hash(self._peaks.pop(), carried), size >> 1
        self._peaks.append(carried)
        self.size += 1

    def root(self) -> bytes:
        if not self._peaks:
            return hashlib.sha256().digest()
        found = self._peaks[-1]
        for peak in self._peaks[-2::-1]:
            found = node_hash(peak, found)
        return found


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _range(node: Node, low: int, high: int) -> bytes:
    """The hash over the leaves from `low` up to `high`; `low` is where a subtree at least that large begins."""
    peaks = []
    while low < high:
        height = (high - low).bit_length() - 1
        peaks.append(node(height, low >> height))
        low += 1 << height
    found = peaks.pop()
    while peaks:
        found = node_hash(peaks.pop(), found)
    return found
