"""The tree against the definition of RFC 6962, written down once more as slowly as it stands there."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.sealed import merkle

#: The inputs and roots that the Certificate Transparency log's own tests use.
_INPUTS = [
    bytes.fromhex(x)
    for x in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def naive(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + naive(leaves[:k]) + naive(leaves[k:])).digest()


def leaves_of(count: int) -> list[bytes]:
    return [merkle.leaf_hash(n.to_bytes(4, "big")) for n in range(count)]


LEAVES = leaves_of(700)
sizes = st.integers(1, 700)


@pytest.mark.feature("SEC-55")
@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    leaves = [merkle.leaf_hash(data) for data in _INPUTS[:size]]
    assert merkle.root(merkle.over(leaves), size).hex() == _ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert merkle.root(merkle.over([]), 0) == hashlib.sha256().digest() == merkle.Peaks().root()


@given(sizes)
def test_roots_are_those_of_the_definition(size: int) -> None:
    assert merkle.root(merkle.over(LEAVES), size) == naive(LEAVES[:size])


def test_a_growing_tree_has_the_same_root_at_each_size() -> None:
    peaks = merkle.Peaks()
    for size, leaf in enumerate(LEAVES[:300], 1):
        peaks.push(leaf)
        assert (peaks.size, peaks.root()) == (size, naive(LEAVES[:size]))


@given(sizes, st.data())
def test_a_leaf_is_proven_in_its_own_place_and_in_no_other(size: int, data: st.DataObject) -> None:
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    node = merkle.over(LEAVES)
    path, root = merkle.inclusion(node, index, size), merkle.root(node, size)
    assert merkle.is_included(LEAVES[index], index, size, path, root)
    assert len(path) <= (size - 1).bit_length()
    if other != index:
        assert not merkle.is_included(LEAVES[index], other, size, path, root)
        assert not merkle.is_included(LEAVES[other], index, size, path, root)
    assert not merkle.is_included(LEAVES[index], index, size, [*path, root], root)
    if path:
        assert not merkle.is_included(LEAVES[index], index, size, path[:-1], root)
        spoiled = bytes([path[0][0] ^ 1]) + path[0][1:]
        assert not merkle.is_included(LEAVES[index], index, size, [spoiled, *path[1:]], root)
    assert not merkle.is_included(LEAVES[index], size, size, path, root)


@given(sizes, sizes, st.data())
def test_a_tree_is_proven_to_continue_an_older_one(one: int, two: int, data: st.DataObject) -> None:
    old, new = sorted((one, two))
    node = merkle.over(LEAVES)
    path = merkle.consistency(node, old, new)
    was, now = merkle.root(node, old), merkle.root(node, new)
    assert merkle.is_consistent(old, was, new, now, path)
    if old == new:
        return
    changed = list(LEAVES)
    changed[data.draw(st.integers(0, old - 1))] = bytes(32)
    other = merkle.over(changed)
    assert not merkle.is_consistent(old, was, new, merkle.root(other, new), merkle.consistency(other, old, new))
    assert not merkle.is_consistent(old, was, new, now, [*path, now])
    assert not merkle.is_consistent(old, was, new, now, path[:-1])
    assert not merkle.is_consistent(old, now, new, now, path)


def test_everything_continues_the_empty_tree() -> None:
    node = merkle.over(LEAVES)
    assert merkle.consistency(node, 0, 5) == []
    assert merkle.is_consistent(0, merkle.root(node, 0), 5, merkle.root(node, 5), [])
    assert not merkle.is_consistent(0, merkle.root(node, 1), 5, merkle.root(node, 5), [])
    assert not merkle.is_consistent(5, merkle.root(node, 5), 4, merkle.root(node, 4), [])


def test_what_cannot_be_proven_is_not_asked_for() -> None:
    node = merkle.over(LEAVES)
    with pytest.raises(ValueError, match="no leaf 5"):
        merkle.inclusion(node, 5, 5)
    with pytest.raises(ValueError, match="cannot continue"):
        merkle.consistency(node, 6, 5)
