"""Where a request came from, and the token of our own forms (SEC-30)."""

from __future__ import annotations

import pytest

from web import csrf
from web.guards import origins

OURS = frozenset({"https://desk.example"})

TABLE = [
    # Sec-Fetch-Site, Origin, when unsaid, taken
    ("same-origin", "https://desk.example", False, True),
    ("same-origin", None, False, True),
    ("same-origin", "null", False, True),
    ("none", None, False, True),
    ("same-site", "https://evil.desk.example", False, False),
    ("cross-site", "https://evil.example", False, False),
    ("cross-site", "https://desk.example", False, False),
    ("cross-site", None, True, False),
    ("cross-site", "null", False, False),
    ("same-origin", "https://evil.example", False, False),
    ("something-new", None, False, False),
    (None, "https://desk.example", False, True),
    (None, "https://evil.example", False, False),
    (None, "https://evil.example", True, False),
    (None, "http://desk.example", False, False),
    (None, "https://desk.example.evil.example", False, False),
    (None, "null", False, False),
    (None, None, False, False),
    (None, None, True, True),
]


@pytest.mark.feature("SEC-30")
@pytest.mark.parametrize(("site", "origin", "when_unsaid", "taken"), TABLE)
def test_where_it_comes_from(site: str | None, origin: str | None, when_unsaid: bool, taken: bool) -> None:
    headers = {k: v for k, v in (("Sec-Fetch-Site", site), ("Origin", origin)) if v is not None}
    assert csrf.comes_from_us(headers, OURS, when_unsaid=when_unsaid) is taken


@pytest.mark.feature("SEC-30")
def test_a_token_belongs_to_one_log_in() -> None:
    mine = csrf.token_for("token-of-mine")
    assert csrf.token_matches("token-of-mine", mine)
    assert not csrf.token_matches("token-of-another", mine)
    assert not csrf.token_matches("token-of-mine", mine[:-1])
    assert not csrf.token_matches("token-of-mine", "")
    assert not csrf.token_matches("", csrf.token_for(""))
    assert "token-of-mine" not in mine


def test_own_origins() -> None:
    assert origins("https://desk.example/") == {"https://desk.example"}
    assert origins("http://127.0.0.1:8080") == {"http://127.0.0.1:8080", "http://localhost:8080"}
