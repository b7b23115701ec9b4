"""Fields for codes and passwords say what they are, so that password managers fill the right one (GE-02)."""

from __future__ import annotations

import re

import pytest

from web.look import TEMPLATES

FIELD = re.compile(r"<input\b[^>]*>")
#: Fields in which somebody types a one-time code or a recovery code.
CODES = frozenset({"code", "proof_code"})
PASSWORDS = {
    "password": {"current-password", "new-password"},
    "proof_password": {"current-password"},
    "new": {"new-password"},
    "again": {"new-password"},
}


def fields() -> list[tuple[str, str, str]]:
    """Template, name and whole element of every field that has a name."""
    found = []
    for file in sorted(TEMPLATES.glob("*.html")):
        # What stands in an attribute may hold `>` in an expression of the template.
        plain = re.sub(r"{%.*?%}|{{.*?}}", "", file.read_text("utf-8"), flags=re.DOTALL)
        for element in FIELD.findall(plain):
            name = re.search(r'\bname="([^"]*)"', element)
            if name:
                found.append((file.name, name[1], element))
    return found


@pytest.mark.feature("GE-02")
def test_code_fields_are_for_one_time_codes_and_never_filled_with_a_password() -> None:
    codes = [(file, element) for file, name, element in fields() if name in CODES]
    assert len(codes) >= 4
    for file, element in codes:
        assert 'autocomplete="one-time-code"' in element, (file, element)
        assert 'inputmode="numeric"' in element, (file, element)
        assert 'type="password"' not in element, (file, element)
        assert "maxlength" in element, (file, element)


@pytest.mark.feature("GE-02")
def test_password_fields_say_whether_the_password_is_old_or_new() -> None:
    seen = set()
    for file, name, element in fields():
        if 'type="password"' not in element or name not in PASSWORDS:
            continue
        seen.add(name)
        said = re.search(r'autocomplete="([^"]*)"', element)
        assert said, (file, element)
        assert said[1] in PASSWORDS[name], (file, element)
    assert seen >= {"password", "new", "again"}
