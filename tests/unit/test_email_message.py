"""Mails as they go over the wire: whatever somebody is called, it stays words and becomes no header, tag or link."""

from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.end_user import Looks
from channels.email.message import BadAddress, Server, checked_address, compose, in_a_header, in_html

KEY = "019cadc1-1c80-7abc-8def-0123456789ab"
PUBLIC = "https://desk.example"
SERVER = Server("mail.acme.example", 587, "starttls", "", "", "desk@acme.example", "Acme")


def composed(subject: str = "Hi", text: str = "Hello", sender_name: str = "Acme") -> bytes:
    server = Server("mail.acme.example", 587, "starttls", "", "", "desk@acme.example", sender_name)
    return compose(server, to="dana@acme.example", subject=subject, text=text, key=KEY, own_pages=PUBLIC)


def test_the_same_effect_is_the_same_mail() -> None:
    assert composed() == composed()


@pytest.mark.feature("BR-02")
def test_the_logo_goes_along_inside_the_mail() -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    hostile = Server("mail.acme.example", 587, "starttls", "", "", "desk@acme.example", '"><script>x</script>')

    def mailed() -> bytes:
        return compose(
            hostile, to="dana@acme.example", subject="Hi", text="Hello", key=KEY, own_pages=PUBLIC, looks=Looks(png)
        )

    assert mailed() == mailed(), "a retry is the same mail"
    mail = message_from_bytes(mailed(), policy=default)
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content() == png
    (html,) = [part.get_content() for part in mail.walk() if part.get_content_type() == "text/html"]
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in html
    assert "<script>" not in html
    (plain,) = [part.get_content() for part in mail.walk() if part.get_content_type() == "text/plain"]
    assert plain.strip() == "Hello"
    assert b"cid:" not in composed()


def test_the_date_is_when_the_effect_was_minted() -> None:
    mail = message_from_bytes(composed(), policy=default)
    assert mail["Date"] == "Mon, 02 Mar 2026 08:54:00 +0000"
    assert mail["Message-ID"] == f"<{KEY}@acme.example>"
    assert mail["Auto-Submitted"] == "auto-generated"


@pytest.mark.feature("SEC-52")
@given(subject=st.text(max_size=300), sender_name=st.text(max_size=80), text=st.text(max_size=400))
def test_no_words_become_headers(subject: str, sender_name: str, text: str) -> None:
    raw = composed(subject.replace("\ud800", ""), text, sender_name)
    mail = message_from_bytes(raw, policy=default)
    assert sorted(mail.keys()) == sorted(
        [
            *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress"),
            *("MIME-Version", "Content-Type"),
        ]
    )
    assert mail["To"] == "dana@acme.example"
    assert mail["From"].addresses[0].addr_spec == "desk@acme.example"
    assert raw.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))


@pytest.mark.feature("SEC-52")
@pytest.mark.parametrize(
    "subject", ["Hi\r\nBcc: eve@evil.example", "Hi\nX: y", "Hi\x00\x1b[31m", "Hi\u2028there", "a\u202eb", "x" * 5000]
)
def test_subjects_stay_on_one_line(subject: str) -> None:
    safe = in_a_header(subject)
    assert safe.isprintable()
    assert len(safe) <= 200
    mail = message_from_bytes(composed(subject), policy=default)
    assert mail["Bcc"] is None
    assert mail["X"] is None


@pytest.mark.feature("SEC-52")
def test_the_html_part_escapes_and_links_to_our_own_pages_alone() -> None:
    html = in_html(
        "<script>alert(1)</script> & co\nhttps://desk.example/codes/1?a=1&b=2.\n\n"
        "https://desk.example.evil.example/x http://evil.example javascript:x",
        PUBLIC,
    )
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co<br>" in html
    assert '<a href="https://desk.example/codes/1?a=1&amp;b=2">' in html
    assert html.count("<a ") == 1


@pytest.mark.parametrize(
    ("given", "goes"),
    [
        ("dana@acme.example", "dana@acme.example"),
        (" dana+desk@mail.acme.example ", "dana+desk@mail.acme.example"),
        ("dana@bücher.example", "dana@xn--bcher-kva.example"),
    ],
)
def test_addresses(given: str, goes: str) -> None:
    assert checked_address(given) == goes


@pytest.mark.parametrize(
    "given",
    [
        *("", "dana", "@acme.example", "dana@", "dana@acme..example", "dana@-acme.example", "da na@acme.example"),
        *("dana@acme.example>", "dana@acme.example\n", "d@x\r\nRCPT TO:<eve@evil.example>", '"a b"@acme.example'),
        *(
            "dänä@acme.example",
            "a" * 65 + "@acme.example",
            "a@" + "b." * 130 + "example",
            "a..b@acme.example",
            ".a@b.c",
        ),
        "dana@[127.0.0.1]",
    ],
)
def test_addresses_that_are_none(given: str) -> None:
    if given.strip() != given:
        assert checked_address(given) == given.strip()
        return
    with pytest.raises(BadAddress):
        checked_address(given)
