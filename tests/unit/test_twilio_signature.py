"""Our signature check against the validator of Twilio's own SDK."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from channels.twilio.signature import is_genuine, replay_digest, secrets_for, signed_text, url_spellings
from tests.fixtures.twilio.stage import ACCOUNT, PUBLIC, SMS, TOKEN, Account

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8) | st.sampled_from(["Body", "From"])
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=8)
URLS = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(["https", "http"]),
    st.sampled_from(["desk.example.com", "127.0.0.1", "localhost"]),
    st.sampled_from(["", ":443", ":80", ":8080"]),
    st.sampled_from(["/webhooks/twilio/sms", "/", "/a/b/"]),
    st.sampled_from(["", "?tenant=1&x=%20y"]),
)
URL = url_spellings(PUBLIC + SMS)
KEYED = Account(shared_keys={"sk_1": "shared-secret-1", "sk_2": "shared-secret-2"})
SETTINGS = "key=sk_1,algorithm=HMAC_SHA256"


def ours(url: str, pairs: list[tuple[str, str]], signature: str, settings: str = "") -> bool:
    return is_genuine(signature, settings, url_spellings(url), signed_text(pairs), KEYED)


@pytest.mark.feature("SEC-21")
@given(url=URLS, pairs=PAIRS)
def test_what_the_validator_signs_is_genuine(url: str, pairs: list[tuple[str, str]]) -> None:
    form = MultiDict(pairs)
    assert ours(url, pairs, RequestValidator(TOKEN).compute_signature(url, form))
    shared = RequestValidator("shared-secret-1").compute_signature(url, form, "HMAC_SHA256")
    assert ours(url, pairs, shared, SETTINGS)


@pytest.mark.feature("SEC-21")
@given(configured=URLS, requested=URLS, pairs=PAIRS, other=PAIRS, sha256=st.booleans())
def test_we_agree_with_the_validator_on_anything(
    configured: str, requested: str, pairs: list[tuple[str, str]], other: list[tuple[str, str]], sha256: bool
) -> None:
    """Another URL or another form: whatever the validator says of the signature, we say."""
    algorithm, settings = ("HMAC_SHA256", SETTINGS) if sha256 else ("HMAC_SHA1", "")
    validator = RequestValidator("shared-secret-1" if sha256 else TOKEN)
    signature = validator.compute_signature(requested, MultiDict(other), algorithm)
    for form in (pairs, other):
        theirs = validator.validate(configured, MultiDict(form), signature, algorithm)
        assert ours(configured, form, signature, settings) == theirs


@given(url=URLS)
def test_both_spellings_of_a_port_are_tried(url: str) -> None:
    pairs = [("Body", "hello")]
    for spelling in url_spellings(url):
        signature = RequestValidator(TOKEN).compute_signature(spelling.decode(), MultiDict(pairs))
        assert ours(url, pairs, signature)


def test_a_fragment_is_not_signed() -> None:
    assert url_spellings(PUBLIC + SMS + "#rc=3&rp=5xx,ct,rt") == URL
    assert url_spellings("wss://desk.example.com/voice/stream")[1] == b"wss://desk.example.com:443/voice/stream"
    assert url_spellings("http://[::1]:8080/x") == (b"http://[::1]:8080/x", b"http://[::1]/x")


@pytest.mark.feature("SEC-21")
@pytest.mark.parametrize("change", ["", "=", "AAAA", "é" * 28, "\udcff" * 28])
def test_a_wrong_or_truncated_signature_is_not_genuine(change: str) -> None:
    good = RequestValidator(TOKEN).compute_signature(PUBLIC + SMS, {"Body": "x"})
    assert is_genuine(good, "", URL, "Bodyx", Account())
    for bad in (change, good[:-1], good[:10], good + change + "=", good.rstrip("="), good.swapcase(), f" {good}"):
        assert not is_genuine(bad, "", URL, "Bodyx", Account())


@pytest.mark.feature("SEC-21")
def test_either_token_signs_while_they_are_rotated() -> None:
    rotating = replace(Account(), secondary_token="second-token")
    for token in (TOKEN, "second-token"):
        assert is_genuine(RequestValidator(token).compute_signature(PUBLIC + SMS, {}), "", URL, "", rotating)
    stale = RequestValidator("second-token").compute_signature(PUBLIC + SMS, {})
    assert not is_genuine(stale, "", URL, "", Account())


@pytest.mark.feature("SEC-21", "SEC-19")
def test_an_empty_secret_signs_nothing() -> None:
    """An account without a token must not accept what anybody can compute."""
    bare = Account(ACCOUNT, "", "", {"sk_1": ""})
    assert secrets_for("", bare) == []
    assert secrets_for(SETTINGS, bare) == []
    assert not is_genuine(RequestValidator("").compute_signature(PUBLIC + SMS, {}), "", URL, "", bare)


@pytest.mark.feature("SEC-21")
@pytest.mark.parametrize(
    "settings",
    [
        "key=sk_1",
        "key=sk_1,algorithm=HMAC_SHA1",
        "key=sk_9,algorithm=HMAC_SHA256",
        "key=,algorithm=HMAC_SHA256",
        "algorithm=HMAC_SHA256",
        "algorithm=none",
        "key=sk_1,key=sk_2,algorithm=HMAC_SHA256",
        "key=sk_1,algorithm=HMAC_SHA256,algorithm=HMAC_SHA1",
        "nonsense",
        ",",
    ],
)
def test_the_algorithm_is_pinned_to_the_secret(settings: str) -> None:
    """Neither the token with SHA-256 nor a shared key with SHA-1, and no choice for whoever writes the header."""
    assert secrets_for(settings, KEYED) == []


def test_the_header_chooses_among_shared_keys_only() -> None:
    assert secrets_for(SETTINGS, KEYED) == [(b"shared-secret-1", "sha256")]
    assert secrets_for(" key=sk_2, algorithm=hmac_sha256", KEYED) == [(b"shared-secret-2", "sha256")]
    assert secrets_for("algorithm=HMAC_SHA1", KEYED) == [(TOKEN.encode(), "sha1")]
    signature = RequestValidator("shared-secret-2").compute_signature(PUBLIC + SMS, {}, "HMAC_SHA256")
    assert not is_genuine(signature, SETTINGS, URL, "", KEYED)
    assert not is_genuine(signature, "", URL, "", KEYED)


def test_the_replay_digest_is_of_the_value_as_sent() -> None:
    assert replay_digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
