"""Files of contacts as people send them, and phone numbers as people write them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.contacts_csv import MOST_ROWS, ContactRow, ParsedImport, parse_contacts_csv
from storage.phones import BadNumber, is_landline, masked, numbers_like, readable, region_of, to_e164


def only(parsed: ParsedImport) -> ContactRow:
    assert [p for p in parsed.problems if p.severity == "error"] == []
    (row,) = parsed.rows
    return row


@pytest.mark.parametrize(
    "file",
    [
        "name,client,mobile,email\nAda Bishop,Acme,(212) 555-0111,Ada@Acme.example\n",
        "\ufeffname;client;mobile;email\r\nAda Bishop;Acme;212.555.0111;ada@acme.example\r\n",
        "Full Name\tCompany\tCell Phone\tE-Mail\nAda Bishop\tAcme\t+1 212 555 0111\tada@acme.example",
        'First Name,Last name,Organisation,Mobile,E-mail Address\nAda,"Bishop",Acme,2125550111,ada@acme.example\n',
        "\nid,NAME,Client name,mobile phone,email\n7,  Ada \u200b Bishop ,Acme,12125550111,ada@acme.example\n\n,,,,\n",
        'name,client,mobile,email\n"Ada\nBishop",Acme,2125550111,ada@acme.example',
    ],
)
def test_headings_separators_and_writing_may_vary(file: str) -> None:
    for given_as in (file, file.encode("utf-8"), file.removeprefix("\ufeff").encode("utf-8-sig")):
        row = only(parse_contacts_csv(given_as, "US"))
        assert (row.name, row.client, row.mobile, row.email) == (
            "Ada Bishop",
            "Acme",
            "+12125550111",
            "ada@acme.example",
        )


@pytest.mark.parametrize(
    ("line", "column", "says"),
    [
        (",Acme,2125550111,,", "name", "missing"),
        ("Ada,,2125550111,,", "client", "missing"),
        ("Ada,Acme,,,", "", "no mobile, phone or e-mail"),
        ("Ada,Acme,12345,,", "mobile", "is not a number that exists"),
        ("Ada,Acme,call me,,", "mobile", "is not a phone number"),
        ("Ada,Acme,,,ada at acme", "email", "not an e-mail"),
        ("Ada,Acme,,,ada@acme", "email", "not an e-mail"),
        ("=cmd|'/c calc'!A1,Acme,2125550111,,", "name", "formula"),
        ("+Ada,Acme,2125550111,,", "name", "formula"),
        ("-Ada,Acme,2125550111,,", "name", "formula"),
        ("Ada,@SUM(A1),2125550111,,", "client", "formula"),
        ("A" * 121 + ",Acme,2125550111,,", "name", "121 characters"),
        ("Ada,Acme,2125550111,,a@b.example,extra", "", "more cells than headings"),
    ],
)
def test_what_is_wrong_keeps_the_line_out_and_says_where(line: str, column: str, says: str) -> None:
    parsed = parse_contacts_csv(f"name,client,mobile,phone,email\nBen,Acme,2125550112,,\n{line}\n", "US")
    assert [row.name for row in parsed.rows] == ["Ben"]
    (problem,) = parsed.problems
    assert (problem.line, problem.column, problem.severity) == (3, column, "error")
    assert says in problem.what
    assert problem.remedy


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("", "empty"),
        ("\ufeff \n", "empty"),
        ("phone,client\n1,2\n", "called name"),
        ("name,mobile\nAda,1\n", "called client"),
        ("name,client\nAda,Acme\n", "mobile, phone or email"),
        ("name,client,mobile,cell\nAda,Acme,1,2\n", "Two columns mean mobile"),
        (b"name,client,mobile\nJos\xe9,Acme,2125550111\n", "not in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_so_and_gives_nothing(file: str | bytes, says: str) -> None:
    parsed = parse_contacts_csv(file, "US")
    assert parsed.rows == ()
    assert says in parsed.problems[0].what


def test_repeats_and_shared_numbers() -> None:
    file = (
        "name,client,mobile\nAda,Acme,2125550111\nada,ACME,212-555-0111\nAda,Acme,2125550112\nBen,Acme,2125550111\n"
        "Ada,Bolt,2125550113\n"
    )
    parsed = parse_contacts_csv(file, "US")
    assert [(row.line, row.name, row.client) for row in parsed.rows] == [
        (2, "Ada", "Acme"),
        (5, "Ben", "Acme"),
        (6, "Ada", "Bolt"),
    ]
    assert [(p.line, p.severity, p.what) for p in parsed.problems] == [
        (3, "warning", "The same as line 2; left out."),
        (4, "error", "Ada of Acme stands in line 2 already, with other addresses."),
        (5, "warning", "+12125550111 also belongs to Ada (line 2)."),
    ]


def test_lines_count_as_an_editor_counts() -> None:
    file = 'name,client,mobile\n"Ada\nBishop",Acme,2125550111\n\nBen,Acme,nonsense\n'
    (problem,) = parse_contacts_csv(file, "US").problems
    assert problem.line == 5


def test_landlines_and_extensions_are_warned_about() -> None:
    file = "name,client,mobile,phone\nAda,Acme,030 901820,030 901820 ext. 12\n"
    parsed = parse_contacts_csv(file, "DE")
    assert [(p.column, p.severity) for p in parsed.problems] == [("mobile", "warning"), ("phone", "warning")]
    assert only(parsed).addresses == (("mobile", "+4930901820"),), "the same number stands once"


def test_without_a_region_numbers_need_their_country() -> None:
    parsed = parse_contacts_csv("name,client,mobile\nAda,Acme,2125550111\nBen,Acme,+12125550112\n", "")
    assert [row.name for row in parsed.rows] == ["Ben"]
    assert "country code" in parsed.problems[0].what


def test_a_table_that_breaks_off_keeps_what_came_before() -> None:
    file = 'name,client,mobile\nAda,Acme,2125550111\nBen,Acme,"' + "x" * 200_000
    parsed = parse_contacts_csv(file, "US")
    assert [row.name for row in parsed.rows] == ["Ada"]
    (problem,) = parsed.problems
    assert (problem.line, problem.severity) == (3, "error")
    assert "cannot be read as a table" in problem.what


def test_a_file_that_is_too_long_says_where_it_was_cut() -> None:
    file = "name,client,email\n" + "".join(f"P{i},Acme,p{i}@acme.example\n" for i in range(MOST_ROWS + 3))
    parsed = parse_contacts_csv(file, "")
    assert len(parsed.rows) == MOST_ROWS
    assert [(p.line, p.what) for p in parsed.problems] == [
        (MOST_ROWS + 2, "More than 50000 contacts; from here on nothing is read.")
    ]
    fewer = parse_contacts_csv(file, "", most=20)
    assert (len(fewer.rows), fewer.problems[-1].line) == (20, 22)


@pytest.mark.feature("REL-16")
def test_a_file_of_nothing_but_mistakes_ends_too() -> None:
    """Five megabytes of them were 2.5 million problems and 700 MiB."""
    parsed = parse_contacts_csv("name,client,mobile\n" + "a\n" * 100_000, "US", most=20)
    assert parsed.rows == ()
    assert (len(parsed.problems), parsed.problems[-1].line) == (21, 22)


@pytest.mark.feature("REL-16")
@pytest.mark.parametrize("heading", ["name", "x", ""])
def test_a_sheet_of_countless_columns_is_refused_at_once(heading: str) -> None:
    """Each column called the same was compared with each other one."""
    began = time.process_time()
    parsed = parse_contacts_csv("name,client,mobile" + f",{heading}" * 200_000 + "\nAda,Acme,1\n", "US")
    assert [(p.line, p.what) for p in parsed.problems] == [(1, "There are 200003 columns.")]
    assert time.process_time() - began < 2.0


@given(st.text(alphabet=st.sampled_from("name,client;mobile\t\n\r\"'=+@0123456789AdaBen \u202e\x00é"), max_size=200))
def test_no_file_breaks_the_reader(text: str) -> None:
    for row in parse_contacts_csv("name,client,mobile\n" + text, "US").rows:
        assert row.name[0] not in "=+-@"
        assert row.mobile.startswith("+")


# --- phone numbers


@pytest.mark.feature("SM-26")
def test_numbers_are_read_and_written_for_people() -> None:
    assert to_e164("(212) 555-0101", "US") == "+12125550101"
    assert to_e164("020 7946 0958", "GB") == "+442079460958"
    assert readable("+12125550101") == "+1 212-555-0101"
    assert readable("not a number") == "not a number"
    assert region_of("+442079460958") == "GB"
    assert region_of("nonsense") == ""
    assert is_landline("+442079460958")
    assert not is_landline("+12125550101")
    for bad in ("", "12", "+1 555", "hello", "+999 123456789"):
        with pytest.raises(BadNumber):
            to_e164(bad, "US")


@pytest.mark.feature("SEC-20")
def test_masked_numbers_keep_two_digits() -> None:
    assert masked("+12125550147") == "…47"
    assert masked("dana@acme.example") == "d…@acme.example"
    assert masked("") == "…"
    assert masked("1234") == "…"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+12125550101", "+1 212-555-xxxx"),
        ("+442079460958", "+44 20 7946 xxxx"),
        ("+4930123456", "+49 30 12xxxx"),
        ("nobody", "nobody"),
    ],
)
def test_numbers_of_one_prefix_are_written_with_their_last_four_digits_open(number: str, shown: str) -> None:
    assert numbers_like(number) == shown
