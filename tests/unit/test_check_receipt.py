"""The receipt checker's own Ed25519, beside the vectors of RFC 8032 and the library that signs."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.sealed.check_receipt import BASE, D, L, P, encoded, is_signed, times

pytestmark = pytest.mark.feature("SEC-55")

#: RFC 8032, 7.1: public key, message, signature.
VECTORS = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
)


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_rfc(public: str, message: str, signature: str) -> None:
    key, text, signed = (bytes.fromhex(part) for part in (public, message, signature))
    assert is_signed(key, text, signed)
    assert not is_signed(key, text + b"x", signed)


@settings(max_examples=25)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 511))
def test_it_agrees_with_the_library(seed: bytes, message: bytes, bit: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(message)
    assert is_signed(public, message, signature)
    spoiled = (int.from_bytes(signature, "little") ^ 1 << bit).to_bytes(64, "little")
    assert not is_signed(public, message, spoiled)


def test_a_second_way_to_write_a_signature_is_refused() -> None:
    """S + L would be as right as S for a verifier that does not look."""
    key, text, signed = (bytes.fromhex(part) for part in VECTORS[1])
    s = int.from_bytes(signed[32:], "little")
    assert not is_signed(key, text, signed[:32] + (s + L).to_bytes(32, "little"))


def test_keys_that_are_no_points_are_refused() -> None:
    _, text, signed = (bytes.fromhex(part) for part in VECTORS[1])
    for key in (b"", bytes(31), (P + 1).to_bytes(32, "little"), (2).to_bytes(32, "little"), b"\xff" * 32):
        assert not is_signed(key, text, signed)
    assert not is_signed((1 << 255 | 1).to_bytes(32, "little"), text, signed), "minus zero"


def test_the_base_point_is_that_of_the_curve() -> None:
    assert BASE is not None
    x, y = BASE[:2]
    assert (-x * x + y * y) % P == (1 + D * x * x * y * y) % P
    assert encoded(BASE).hex() == "58" + "66" * 31
    assert encoded(times(L, BASE)) == (1).to_bytes(32, "little")
