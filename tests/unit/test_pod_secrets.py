"""What binds a sign-in window to its frame, and the list of who may frame a page."""

from __future__ import annotations

import pytest

from web.csrf import origin_of
from web.headers import ALWAYS, missing
from web.pages.pod.hints import Hints
from web.pages.pod.secrets import challenge_of, code_digest, letters_of, pairing_digest
from web.pods import loopback_twin


@pytest.mark.feature("SEC-29")
def test_a_digest_belongs_to_one_frame_one_code_and_one_way() -> None:
    one, other = challenge_of("verifier one"), challenge_of("verifier two")
    made = {one, other, code_digest("a", one), code_digest("a", other), code_digest("b", one)}
    made |= {pairing_digest(one), pairing_digest(other), code_digest("", one)}
    assert len(made) == 8
    assert all(len(digest) == 64 for digest in made)


def test_letters_are_easy_to_tell_apart_and_differ_by_frame() -> None:
    letters = {letters_of(challenge_of(str(n))) for n in range(500)}
    assert len(letters) == 500
    for shown in letters:
        assert len(shown) == 7
        assert shown[3] == " "
        assert not set(shown) & set("IO01L"), shown
    assert len({shown.replace(" ", "")[place] for shown in letters for place in range(6)}) > 25


@pytest.mark.parametrize(
    ("url", "twin"),
    [
        ("http://127.0.0.1:8080", "http://localhost:8080"),
        ("http://localhost:8080/pod?x=localhost", "http://127.0.0.1:8080"),
        ("https://watchword.example", ""),
        ("http://[::1]:8080", ""),
    ],
)
def test_this_computer_has_two_names(url: str, twin: str) -> None:
    assert loopback_twin(url) == twin
    assert not twin or twin != origin_of(url)


def test_hints_that_are_empty_stay_out_of_addresses() -> None:
    assert Hints().here == "/pod"
    assert Hints(tenant="harbor", email="a+b@c.example").here == "/pod?tenant=harbor&email=a%2Bb%40c.example"
    about = Hints(tenant="harbor", email="a@c.example", q="x").about(contact="1", ticket="2&3")
    assert about.here == "/pod?tenant=harbor&contact=1&ticket=2%263"


def test_a_header_that_a_frame_must_not_carry_is_not_missed() -> None:
    framed = {**ALWAYS, "Cache-Control": "no-store", "Content-Security-Policy": "frame-ancestors https://psa.example"}
    del framed["X-Frame-Options"]
    assert missing(framed) == []
    assert missing({**framed, "Content-Security-Policy": "frame-ancestors 'none'"}) == ["X-Frame-Options"]
