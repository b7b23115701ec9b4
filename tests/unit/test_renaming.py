"""When another name is another person, and when it is only written rightly."""

from __future__ import annotations

import pytest

from storage.renaming import is_slip, same_words


@pytest.mark.feature("SEC-13")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Ann Arbor", "Arbor, Ann"),
        ("ann arbor", "Ann Arbor"),
        ("Ann  Arbor.", "Ann Arbor"),
        ("Zoe Krüger", "Zoë Kruger"),
        ("Ada Milller", "Ada Miller"),
        ("Ada Miler", "Ada Miller"),
        ("Ada Millre", "Ada Miller"),
        ("Dana Johnsen", "Dana Johnson"),
    ],
)
def test_what_somebody_may_have_mistyped_is_no_other_name(before: str, after: str) -> None:
    assert is_slip(before, after)
    assert is_slip(after, before)


@pytest.mark.feature("SEC-13")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Bob Bell", "Rob Bell"),
        ("Dan Cole", "Don Cole"),
        ("Ann Arbor", "Ann Baker"),
        ("Ann Arbor", "Mal Mallory"),
        ("Ann", "Ann Arbor"),
        ("Ann Arbor", "Ann Maria Arbor"),
        ("Peter Miller", "Petra Miller"),
        ("Ada Miller", "Ada Hiller"),
        ("Marta Johnson", "Maria Johnsen"),
        ("Ann Arbor", ""),
        ("王小明", "王大明"),
    ],
)
def test_anything_else_is(before: str, after: str) -> None:
    assert not is_slip(before, after)
    assert not is_slip(after, before)


@pytest.mark.feature("SEC-13")
def test_a_directory_is_forgiven_another_writing_alone() -> None:
    assert same_words("Ann Arbor", "ARBOR, Ann")
    assert not same_words("Ada Miler", "Ada Miller")
