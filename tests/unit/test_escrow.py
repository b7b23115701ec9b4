"""The key on paper: every typing error that people make is found, and the line is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.key_sheet import Sheet, page
from storage.escrow import BadLine, read_line, read_lines, to_lines
from tests.fixtures.world import START

KEYS = st.binary(min_size=32, max_size=32)


@given(KEYS)
def test_what_is_printed_is_read_back(key: bytes) -> None:
    lines = to_lines(key)
    assert read_lines(list(lines)) == key
    assert [[len(group) for group in line.split()] for line in lines] == [[4, 4, 4, 4]] * 4


@given(KEYS)
def test_how_it_is_typed_does_not_matter(key: bytes) -> None:
    typed = [line.lower().replace(" ", "-").replace("1", "l").replace("0", "o") for line in to_lines(key)]
    assert read_lines(typed) == key


@given(KEYS, st.integers(0, 3), st.integers(0, 15), st.sampled_from("23456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_a_wrong_character_is_found_and_its_line_named(key: bytes, line: int, at: int, wrong: str) -> None:
    lines = [text.replace(" ", "") for text in to_lines(key)]
    if lines[line][at] == wrong:
        return
    lines[line] = lines[line][:at] + wrong + lines[line][at + 1 :]
    if said := _complaint(lines):
        assert f"Line {line + 1}" in said
    else:
        # One error in 32,768 has the same check; the id of the key is then another.
        assert read_lines(lines) != key


def _complaint(lines: list[str]) -> str:
    try:
        read_lines(lines)
    except BadLine as found:
        return str(found)
    return ""


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "0 characters"),
        ("0000 0000 0000 000", "15 characters"),
        ("0000 0000 0000 000U", "not used"),
        ("ZZZZ ZZZZ ZZZZ Z000", "typing error"),
        (to_lines(bytes(range(32)))[2], "line 3 of the sheet"),
    ],
)
def test_what_is_wrong_is_said(typed: str, says: str) -> None:
    with pytest.raises(BadLine, match=says) as refused:
        read_line(1, typed)
    assert typed[:9] not in str(refused.value) or not typed, "what was typed is not repeated"


def test_the_sheet_holds_everything_and_fetches_nothing() -> None:
    lines = to_lines(bytes(range(32)))
    html = page(Sheet(lines, "c314c339", "watchword/<b>1</b>", START, "<svg></svg>"))
    assert all(line in html for line in lines)
    assert "c314c339" in html
    assert "watchword/&lt;b&gt;1" in html
    assert not any(word in html for word in ("<script", "http://", "https://", "@import", "url("))
