"""Forms with files, as browsers send them and as somebody hostile does (SEC-45, REL-16)."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from web.bodies import MAX_FIELDS, read_multipart
from web.problems import Problem

FORM = "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxk"
EDGE = b"------WebKitFormBoundary7MA4YWxk"
MIB = 1024 * 1024


def part(disposition: bytes, content: bytes = b"v", more: bytes = b"") -> bytes:
    return EDGE + b"\r\nContent-Disposition: " + disposition + b"\r\n" + more + b"\r\n" + content + b"\r\n"


END = EDGE + b"--\r\n"
FIELD = part(b'form-data; name="a"')


def test_what_a_browser_sends() -> None:
    tricky = b"\r\n--" + b"not the edge\r\n\r\n--\x00\xff" * 3
    raw = (
        part(b'form-data; name="csrf"', b"token")
        + part(b'form-data; name="ticked"', b"1")
        + part(b'form-data; name="ticked"', "zwei\r\nZeilen é".encode())
        + part(
            'form-data; name="file"; filename="Kunden %22é%22; x=y.csv"'.encode(),
            tricky,
            b"Content-Type: text/csv\r\n",
        )
        + part(b'form-data; name="none"; filename=""', b"", b"Content-Type: application/octet-stream\r\n")
        + END
    )
    fields, files = read_multipart(raw, FORM)
    assert fields == {"csrf": ["token"], "ticked": ["1", "zwei\r\nZeilen é"]}
    assert files == {"file": ("Kunden %22é%22; x=y.csv", tricky)}
    assert read_multipart(END, FORM) == ({}, {})
    quoted = 'multipart/form-data; charset=utf-8; boundary="----WebKitFormBoundary7MA4YWxk"'
    assert read_multipart(FIELD + END, quoted) == ({"a": ["v"]}, {})


@pytest.mark.feature("SEC-45", "SEC-57")
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        EDGE,
        FIELD,
        FIELD + EDGE,
        b"before\r\n" + FIELD + END,
        FIELD + END + b"after",
        part(b"form-data") + END,
        part(b'form-data; name=""') + END,
        part(b'attachment; name="a"') + END,
        part(b";;;=;") + END,
        part(b'form-data; name="a') + END,
        part(b'form-data; name="a"; x="' + b"y" * 200_000 + b'"') + END,
        part(b'form-data; name="a"', more=b'Content-Disposition: form-data; name="b"\r\n') + END,
        part(b'form-data; name="a"', b"\xff\xfe") + END,
        part(b'form-data; name="\xff"; filename="b"') + END,
        part(b'form-data; name="f"; filename="1"') + part(b'form-data; name="f"; filename="2"') + END,
        part(b"form-data; name=a", more=b"".join(b"X-%d: y\r\n" % n for n in range(100_000))) + END,
        part(b'form-data; name="a"', EDGE) + END,
        EDGE + b"\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n--C\r\n\r\nx\r\n--C--\r\n" + END,
        EDGE + b"no headers" + END,
        FIELD * (MAX_FIELDS + 1) + END,
    ],
)
def test_what_no_browser_sends_is_refused_and_breaks_nothing(raw: bytes) -> None:
    with pytest.raises(Problem) as refused:
        read_multipart(raw, FORM)
    assert (refused.value.status, refused.value.error) == (400, "bad_form")


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "x" * 71,
        "multipart/form-data; boundary=é\udcff",
    ],
)
def test_without_a_boundary_it_is_no_form(content_type: str) -> None:
    with pytest.raises(Problem):
        read_multipart(FIELD + END, content_type)


@pytest.mark.feature("REL-16")
@pytest.mark.parametrize(
    "raw",
    [
        b"\n" * 5 * MIB + END,
        b"\r\n" * (5 * MIB // 2) + END,
        part(b'form-data; name="f"; filename="a"', b"\r\n--" * (5 * MIB // 4)) + END,
        (EDGE + b"\r\n") * (5 * MIB // len(EDGE)) + END,
        part(b'form-data; name="a"; ' + b"\\" * 8000) + END,
        part(b"form-data" + b"; a=" * 2000) + END,
    ],
)
def test_no_form_keeps_everybody_else_waiting(raw: bytes) -> None:
    """A reader that goes line by line takes seconds for the first two. Processor time, so that a busy machine does not
    count."""
    began = time.process_time()
    with suppress(Problem):
        read_multipart(raw, FORM)
    assert time.process_time() - began < 0.5


@pytest.mark.feature("SEC-57")
@given(
    raw=st.lists(
        st.sampled_from(
            [
                EDGE,
                b"\r\n",
                b"--",
                b'form-data; name="a"',
                b"Content-Disposition: ",
                b"\\",
                b'; filename="',
                b'"',
                b"\x00",
                b"\xff",
                b"x",
            ]
        )
    ).map(b"".join)
)
@example(raw=FIELD + END)
def test_whatever_comes_is_a_form_or_refused(raw: bytes) -> None:
    with suppress(Problem):
        fields, files = read_multipart(raw, FORM)
        assert all((*fields, *files)), "every one has a name"
