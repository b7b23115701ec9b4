"""Numbers with their word."""

import pytest

from storage.counting import counted


@pytest.mark.parametrize(
    ("number", "one", "many", "said"),
    [
        (0, "line", "", "0 lines"),
        (1, "line", "", "1 line"),
        (2, "line", "", "2 lines"),
        (1, "address", "addresses", "1 address"),
        (3, "address", "addresses", "3 addresses"),
    ],
)
def test_one_is_no_plural(number: int, one: str, many: str, said: str) -> None:
    assert counted(number, one, many) == said
