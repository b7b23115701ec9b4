"""How pages are made: codes in groups, safe ways back, packed assets, and nothing inline that the policy forbids."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import brotli
import pytest
from jinja2 import Environment, FileSystemLoader

from dialogs.tech_verify import Direction
from web.assets import STATIC, choose, load_assets
from web.look import TEMPLATES, Frame, Look, grouped, spelled
from web.pages.codes import BLANK
from web.pages.context import SAID, own_path, sentence
from web.pages.finding import EVERYTHING, found_in
from web.pages.views import EPOCH, Board
from web.ports import REFUSALS

#: A board with nothing on it, and the templates its rows are made from.
EMPTY = Board((), (), (), (), (), EPOCH)
NO_ROWS = {
    "board": EMPTY,
    "blank": BLANK,
    "rows": "/codes/rows",
    "whole": "",
    "here": "/codes",
    "single": False,
    "story": None,
    "me": "t1",
    "sought": EVERYTHING,
    "found": found_in(EMPTY, EVERYTHING, "t1"),
    "steps": None,
}


@pytest.mark.parametrize(
    ("code", "shown"), [("870421", "870 421"), ("12345678", "1234 5678"), ("1234567", "1234 567"), ("", "")]
)
def test_codes_are_grouped_for_reading_aloud(code: str, shown: str) -> None:
    assert grouped(code) == shown
    assert spelled(code).replace(" ", "") == code


@pytest.mark.parametrize("path", ["/codes", "/codes/0190?said=claim", "/contacts?q=a%20b"])
def test_a_way_back_inside_is_taken(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "codes",
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/codes\u2028",
        "///evil.example",
        " /codes",
        "//[evil",
    ],
)
def test_a_way_back_to_anywhere_else_is_not(path: str) -> None:
    assert own_path(path) == "/codes"


def test_assets_are_the_same_in_every_packing_and_their_address_changes_with_them(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("body { color: red }" * 50)
    assets = load_assets(tmp_path)
    asset = assets.files["a.css"]
    assert gzip.decompress(asset.gzip) == brotli.decompress(asset.brotli) == asset.plain
    assert choose("gzip, deflate, br", asset) == (asset.brotli, "br")
    assert choose("gzip;q=0.5", asset) == (asset.gzip, "gzip")
    assert choose("", asset) == (asset.plain, "")
    (tmp_path / "a.css").write_text("body { color: blue }")
    assert load_assets(tmp_path).release != assets.release
    with pytest.raises(LookupError):
        assets.address("b.css")


@pytest.mark.parametrize("template", sorted(p.name for p in TEMPLATES.glob("*.html")))
def test_templates_hold_nothing_inline(template: str) -> None:
    text = (TEMPLATES / template).read_text()
    assert not re.search(r"\sstyle=|\son[a-z]+=|javascript:|<style|\|\s*safe\b", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert not re.search(r"""(?:src|href|action|poster|data)\s*=\s*["']?\s*(?:https?:)?//""", text)


@pytest.mark.parametrize("script", sorted(p.name for p in (STATIC / "js").glob("*.js")))
def test_scripts_never_read_text_as_html(script: str) -> None:
    text = (STATIC / "js" / script).read_text()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|DOMParser|document\.write|\beval\(|new Function", text
    )
    assert text.startswith("// @ts-check")


def test_values_are_escaped() -> None:
    page = Look().html("problem.html", Frame("<b>"), {"message": "<i>", "id": "1"})
    assert "<b>" not in page
    assert "<i>" not in page


@pytest.mark.feature("TV-07", "SEC-02")
def test_the_claimers_card_warns_before_the_code_is_read_to_a_caller() -> None:
    page = Look().html("codes.html", Frame("Codes", name="Dana"), NO_ROWS)
    mine = page.split('<template id="card-mine">')[1].split("</template>")[0]
    assert "Read this only if YOU called them. Never to someone who called you." in mine
    assert "Say the code first" in mine


def test_every_direction_can_be_chosen_and_ours_is_first() -> None:
    page = Look().html("codes.html", Frame("Codes", name="Dana"), NO_ROWS)
    select = re.search(r'<select name="direction">(.*?)</select>', page, re.DOTALL)
    assert select is not None
    offered = re.findall(r'<option value="(\w+)"', select.group(1))
    assert offered == [d.value for d in Direction]
    assert '<option value="we_called_user" selected>' in select.group(1)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "1 seconds"), (29.2, "30 seconds"), (99, "99 seconds"), (100, "2 minutes"), (3601, "61 minutes")],
)
def test_a_wait_is_said_as_a_length_because_nobody_here_knows_the_readers_zone(seconds: float, said: str) -> None:
    shown = sentence("too_many_sends", timedelta(seconds=seconds))
    assert f"Try again in {said}," in shown
    assert "UTC" not in shown


def test_every_refusal_has_a_sentence_for_people() -> None:
    assert all(sentence(word) for word in REFUSALS)
    assert all(SAID.values())


def test_a_template_is_compiled_once_for_all_looks_and_anew_when_it_changes(tmp_path: Path) -> None:
    class NeverCompiles(Environment):
        def _generate(self, *words: Any, **more: Any) -> str:
            raise AssertionError("compiled again")

    shared, loader = Look().templates.bytecode_cache, FileSystemLoader(tmp_path)
    assert shared is Look().templates.bytecode_cache
    page = tmp_path / "page.html"
    page.write_text("first")
    assert (
        Environment(loader=loader, bytecode_cache=shared, autoescape=True).get_template("page.html").render() == "first"
    )
    assert (
        NeverCompiles(loader=loader, bytecode_cache=shared, autoescape=True).get_template("page.html").render()
        == "first"
    )
    page.write_text("second")
    assert (
        Environment(loader=loader, bytecode_cache=shared, autoescape=True).get_template("page.html").render()
        == "second"
    )
