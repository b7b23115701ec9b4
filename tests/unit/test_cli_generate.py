"""The generated pages say what the code says; a change of the code without them fails here."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.generate.__main__ import main
from bot.generate.pages import DOCS, PAGES, stale, write
from storage import tables
from storage.reference import SEALED, comments, page


def test_the_pages_are_current() -> None:
    assert stale(DOCS) == [], "run: python3 dev.py generate"


def test_a_changed_page_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in PAGES:
        write(tmp_path, name)
    assert stale(tmp_path) == []
    (tmp_path / "settings.md").write_text("something else")
    (tmp_path / "schema.md").unlink()
    assert sorted(stale(tmp_path)) == ["schema.md", "settings.md"]
    assert main(["--chekc"]) == 2
    assert "--check" in capsys.readouterr().err


def test_sealed_columns_are_told_from_the_code() -> None:
    assert ("technicians", "totp_secret") in SEALED
    assert ("outbox", "payload") in SEALED
    for table, column in SEALED:
        assert str(tables.metadata.tables[table].c[column].type) == "BLOB"
    assert page().count("| sealed") == len(SEALED)


def test_comments_belong_to_the_line_below() -> None:
    assert comments("#: one\n#: two\nx = 1\n\n#: lost\n\ny = 2\n# plain\nz = 3\n") == {3: "one two"}
