"""Mails to end users: what it is about comes first, the code large, the link a button, the tenant's own words below."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.end_user_mail import beside_words, for_end_user
from channels.email.end_user import Looks, in_page, in_plain
from channels.email.message import Server, compose
from dialogs.effects import Code, Link
from dialogs.ports import ForEndUser
from dialogs.settings import LONGEST_IN_MAIL, SettingsError, TenantSettings, check_settings
from storage.tenant_settings import change

KEY = "019cadc1-1c80-7abc-8def-0123456789ab"
PUBLIC = "https://desk.example"
SERVER = Server("mail.acme.example", 587, "starttls", "", "", "codes@acme.example", "Acme IT")
URL = PUBLIC + "/v/" + "Zk3vQ9xN7bLw2RtYc8Hd5mUeJpA4sGfKiTzOqWnXyB-"
CODE_MAIL = (
    "Code for when YOU CALLED US. If someone called you and asks for it, HANG UP.\n\n482913\n\nDana asks for it."
)
LINK_MAIL = f"Link for when YOU CALLED US.\n\n{URL}\n\nOpen it and press Validate."
OWN = ForEndUser("482913", "Open the page", "We never ask for a password.", "Acme IT\nHelp desk", "Acme IT Ltd, London")
HOSTILE = '<script>alert("x")</script><a href="https://evil.example">x</a>'


def page(text: str = CODE_MAIL, own: ForEndUser = OWN, looks: Looks | None = None) -> str:
    return in_page(text, own, looks or Looks(), PUBLIC, "", "")


def seen(html: str) -> str:
    """What a person reads, in one line."""
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", html).split()))


def mailed(own: ForEndUser = OWN, text: str = CODE_MAIL, looks: Looks | None = None) -> bytes:
    return compose(
        SERVER,
        to="ina@fabrikam.example",
        subject="Acme IT: code for when YOU CALLED US",
        text=text,
        key=KEY,
        own_pages=PUBLIC,
        looks=looks or Looks(),
        for_user=own,
    )


@pytest.mark.feature("EV-03", "SEC-05")
def test_the_warning_stands_first_and_the_code_is_large() -> None:
    html = page()
    assert seen(html).startswith("Code for when YOU CALLED US. If someone called you and asks for it, HANG UP. 482913")
    assert re.search(r'<p><strong style="font-size:40px[^"]*">482913</strong></p>', html)
    assert html.count("482913") == 1
    assert in_plain(CODE_MAIL, OWN).startswith(CODE_MAIL)


@pytest.mark.feature("EV-02", "SEC-52")
def test_the_link_is_one_plain_button_to_our_own_page() -> None:
    html = page(LINK_MAIL, replace(OWN, code=""))
    assert re.findall(r'<a href="([^"]*)"', html) == [URL]
    assert re.search(r"<a [^>]*>Open the page</a>", html)
    assert "<form" not in html
    assert "<script" not in html
    assert URL in in_plain(LINK_MAIL, OWN)


@pytest.mark.feature("SEC-52")
def test_no_other_link_becomes_one() -> None:
    text = f"https://desk.example.evil.example/v/x http://desk.example/v/x\n\n{URL}"
    html = page(text, replace(OWN, code="", text="See https://acme.example and " + PUBLIC + "/v/y"))
    assert re.findall(r'<a href="([^"]*)"', html) == [URL]


@pytest.mark.feature("EV-25", "BR-03")
@pytest.mark.parametrize("field", ["text", "signature", "footer"])
def test_each_of_the_tenants_own_words_shows_and_stays_words(field: str) -> None:
    before = page()
    after = page(own=replace(OWN, **{field: f"{HOSTILE}\nsecond line"}))
    assert after != before
    assert HOSTILE + " second line" in seen(after)
    assert "<script" not in after
    assert "evil.example" not in re.findall(r'href="([^"]*)"', after)
    assert f"{HOSTILE}\nsecond line" in in_plain(CODE_MAIL, replace(OWN, **{field: f"{HOSTILE}\nsecond line"}))
    empty = page(own=replace(OWN, **{field: ""}))
    assert getattr(OWN, field).split("\n")[-1] not in seen(empty)


@pytest.mark.feature("EV-25", "SEC-52")
def test_names_stay_words_beside_the_code_on_the_button_and_under_the_logo() -> None:
    beside = page(f"{HOSTILE} 482913 {HOSTILE}")
    assert seen(beside).startswith(f"{HOSTILE} 482913 {HOSTILE}")
    button = page(LINK_MAIL, replace(OWN, code="", button=HOSTILE))
    assert re.findall(r'<a href="([^"]*)"', button) == [URL]
    assert HOSTILE in seen(button)
    logo = in_page(CODE_MAIL, OWN, Looks(), PUBLIC, "logo@desk.example", 'Acme" onerror="x')
    assert 'alt="Acme&quot; onerror=&quot;x"' in logo


@pytest.mark.feature("SEC-52")
def test_an_address_that_only_looks_like_ours_is_no_button() -> None:
    alike = page(PUBLIC.replace(".", "-") + "/v/x", replace(OWN, code=""))
    assert "<a " not in alike


@pytest.mark.feature("EV-25")
def test_own_words_stand_below_what_the_mail_is_about_in_their_order() -> None:
    for words in (seen(page()), " ".join(in_plain(CODE_MAIL, OWN).split())):
        order = [words.index(part) for part in ("YOU CALLED US", "482913", "We never ask", "Help desk", "London")]
        assert order == sorted(order)


@pytest.mark.feature("EV-25", "BR-02")
def test_logo_and_colours() -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    mail = message_from_bytes(mailed(looks=Looks(png, "#7a1f5c", "#fafafa")), policy=default)
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content() == png
    (html,) = [part.get_content() for part in mail.walk() if part.get_content_type() == "text/html"]
    assert f'<img src="cid:{picture["Content-ID"].strip("<>")}" alt="Acme IT">' in html
    assert "border-top:6px solid #7a1f5c" in html
    assert not re.search(r"(?:src|url|background)\s*=?\(?[\"']?https?:", html), "nothing is fetched from anywhere"
    button = page(LINK_MAIL, replace(OWN, code=""), Looks(accent="#7a1f5c", on_accent="#fafafa"))
    assert "background:#7a1f5c;color:#fafafa" in button


@pytest.mark.feature("EV-43")
def test_mails_come_from_the_tenants_own_address_and_name() -> None:
    mail = message_from_bytes(mailed(), policy=default)
    assert str(mail["From"]) == "Acme IT <codes@acme.example>"


@pytest.mark.feature("REL-04")
def test_the_same_effect_is_the_same_mail() -> None:
    assert mailed() == mailed()
    assert mailed() != mailed(replace(OWN, code="482914"), CODE_MAIL.replace("482913", "482914"))


def test_a_code_that_is_part_of_a_longer_number_is_not_the_code() -> None:
    html = page("Call 4829131 first.\n\n482913", OWN)
    assert seen(html).count("482913") == 2
    assert html.count("font-size:40px") == 1
    assert '">482913</strong>' in html


@given(
    st.text(max_size=200), st.text(max_size=60), st.text(max_size=60), st.text(max_size=60), st.from_regex("[0-9]{6}")
)
def test_whatever_the_words_are_there_is_one_link_at_most(
    text: str, own: str, signature: str, footer: str, code: str
) -> None:
    html = page(f"{text}\n\n{URL}", ForEndUser(code.strip(), "Open", own, signature, footer))
    tags = set(re.findall(r"<(/?[a-z]+)", html))
    known = {"html", "head", "meta", "body", "div", "p", "br", "a", "strong"}
    assert {tag.strip("/") for tag in tags} <= known
    assert html.count("<a ") == 1


@pytest.mark.feature("EV-25", "REL-04")
def test_what_goes_into_the_outbox_comes_out_again() -> None:
    settings = TenantSettings(mail_text="Hello", mail_signature="Acme\nIT", mail_footer="London")
    kept = beside_words(settings, {"code": Code("482913"), "tech": "Dana"})
    assert for_end_user(kept) == ForEndUser("482913", "Open the page", "Hello", "Acme\nIT", "London")
    linked = for_end_user(beside_words(settings, {"link": Link(URL)}))
    assert linked is not None
    assert linked.code == ""
    assert for_end_user({"to": "a", "subject": "b", "body": "c"}) is None
    assert "482913" not in repr(for_end_user(kept))


@pytest.mark.feature("EV-25")
@pytest.mark.parametrize("name", sorted(LONGEST_IN_MAIL))
def test_own_words_have_bounds(name: str) -> None:
    longest = LONGEST_IN_MAIL[name]
    set_ = change(TenantSettings(), {name: "\r\n  one  \r\ntwo\n\n"})
    assert getattr(set_, name) == "one\ntwo"
    change(TenantSettings(), {name: "x" * longest})
    for bad in ("x" * (longest + 1), "bell\x07", "turned \u202e round"):
        with pytest.raises(SettingsError, match=name):
            change(TenantSettings(), {name: bad})
    check_settings(set_)
