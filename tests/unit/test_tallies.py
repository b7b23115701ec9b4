"""What reports add up: medians from histograms, outcomes of every state there is, months of the calendar, cells."""

from __future__ import annotations

import statistics
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs import tech_verify as tv
from storage.audit_kinds import KINDS
from storage.log import LogRow
from storage.months import Month, begins, day_of, ends, read_day, read_month
from storage.tallies import COUNTED, NOT_COUNTED, Figures, Tally, dump_figures, load_figures, median, outcome_of
from web.pages.log_words import SAID, details_of, sentence_of
from web.pages.log_words_sources import CAME
from web.pages.log_words_sources import SAID as SAID_OF_SOURCES
from web.pages.report_views import OUTCOMES, days_chart, percent
from web.spreadsheets import csv_text

pytestmark = pytest.mark.feature("TV-16")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
STORY = tv.Story(tv.Known("c", "Ada"), NOW)
DENIED_LATE = tv.Story(tv.Known("c", "Ada"), NOW, (tv.Happened(NOW, "denied_late"),))
CLAIM = tv.Claim(tv.Technician("t", "Dana"), tv.Direction.WE_CALLED_USER, tv.Later(), NOW)
WRITTEN = tv.Logged.WRITTEN

times = st.dictionaries(st.integers(0, 6000), st.integers(1, 5), max_size=12)


@given(times)
def test_the_median_of_a_histogram_is_that_of_its_values(seen: dict[int, int]) -> None:
    values = [tenths / 10 for tenths, many in seen.items() for _ in range(many)]
    found = median(seen)
    assert found == (pytest.approx(statistics.median(values)) if values else None)


tallies = st.builds(
    lambda outcomes, readable, confirmed: Tally(Counter(outcomes), Counter(readable), Counter(confirmed)),
    st.dictionaries(st.sampled_from([*COUNTED, *NOT_COUNTED]), st.integers(1, 9)),
    times,
    times,
)
figures = st.builds(
    Figures,
    tallies,
    st.dictionaries(st.sampled_from(["", "a", "b"]), tallies),
    st.dictionaries(st.sampled_from(["", "a"]), tallies),
    st.dictionaries(st.sampled_from(["sms", "email"]), tallies),
    st.builds(Counter, st.dictionaries(st.sampled_from(["limit"]), st.integers(1, 9))),
    st.builds(Counter, st.dictionaries(st.sampled_from(["denied"]), st.integers(1, 9))),
    st.integers(0, 99),
    st.integers(0, 99),
    st.integers(0, 99),
)


@given(figures)
def test_what_is_kept_comes_back(kept: Figures) -> None:
    assert load_figures(dump_figures(kept)) == kept


@given(figures, figures)
def test_adding_days_adds_every_number(one: Figures, other: Figures) -> None:
    both = Figures()
    both.add(one)
    both.add(other)
    assert both.total.calls == one.total.calls + other.total.calls
    for key in {*one.clients, *other.clients}:
        found = [each.clients[key].verified for each in (one, other) if key in each.clients]
        assert both.clients[key].verified == sum(found)
    assert both.texts == one.texts + other.texts
    assert sum(both.total.readable.values()) == sum(one.total.readable.values()) + sum(other.total.readable.values())


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (tv.Blank(), "running"),
        (tv.Confirmed(STORY, NOW, CLAIM, "compare", WRITTEN), "verified"),
        (tv.Confirmed(STORY, NOW, CLAIM, "transfer", WRITTEN), "verified"),
        (tv.Confirmed(STORY, NOW, CLAIM, "verbal", WRITTEN), "spoken"),
        (tv.Confirmed(STORY, NOW, None, "unclaimed", WRITTEN), "without_technician"),
        (tv.Confirmed(DENIED_LATE, NOW, CLAIM, "compare", WRITTEN), "denied"),
        (tv.Denied(STORY, NOW, None, WRITTEN), "denied"),
        (tv.Rejected(STORY, NOW, CLAIM, "no", WRITTEN), "rejected"),
        (tv.Rejected(DENIED_LATE, NOW, CLAIM, "no", WRITTEN), "denied"),
        (tv.Superseded(STORY, NOW, CLAIM, "x", WRITTEN), "superseded"),
        (tv.Expired(STORY, NOW, None, "deadline", WRITTEN), "unclaimed"),
        (tv.Expired(STORY, NOW, CLAIM, "deadline", WRITTEN), "unanswered"),
        (tv.Expired(DENIED_LATE, NOW, CLAIM, "deadline", WRITTEN), "denied"),
        (tv.Expired(STORY, NOW, CLAIM, "opted_out", WRITTEN), "opted_out"),
        (tv.Expired(STORY, NOW, CLAIM, "restored", WRITTEN), "void"),
        (tv.Expired(STORY, NOW, CLAIM, "erased", WRITTEN), "void"),
        (tv.Expired(STORY, NOW, CLAIM, "number_changed", WRITTEN), "void"),
        (tv.Alarm(STORY, NOW, CLAIM, "wrong_codes", WRITTEN), "alarm"),
        (tv.Alarm(DENIED_LATE, NOW, None, "confirmed_unclaimed", WRITTEN), "alarm"),
    ],
)
def test_each_state_is_one_outcome(state: tv.State, outcome: str) -> None:
    assert outcome_of(state) == outcome
    assert outcome in (*COUNTED, *NOT_COUNTED)


def test_every_outcome_has_words_and_every_state_an_outcome() -> None:
    assert tuple(OUTCOMES) == COUNTED
    assert {kind.__name__ for kind in get_args(tv.State)} == {
        "Blank",
        "Open",
        "Claimed",
        "Confirmed",
        "Denied",
        "Rejected",
        "Superseded",
        "Expired",
        "Alarm",
    }


@given(
    st.dates(date(2015, 1, 1), date(2035, 12, 31)),
    st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia", "Asia/Beirut"]),
)
def test_a_moment_lies_in_exactly_one_day(day: date, zone: str) -> None:
    start, end = begins(day, zone), ends(day, zone)
    assert end == begins(day + timedelta(days=1), zone)
    assert timedelta(hours=0) <= end - start <= timedelta(hours=25)
    if end > start:  # a day that an island left out has none
        for moment in (start, start + (end - start) / 2, end - timedelta(microseconds=1)):
            assert day_of(moment, zone) == day


@given(st.integers(2000, 2999), st.integers(1, 12), st.integers(-40, 40))
def test_months_go_to_and_fro(year: int, number: int, moved: int) -> None:
    month = Month(year, number)
    assert month.moved(moved).moved(-moved) == month
    assert read_month(str(month)) == month
    days = list(month.days())
    assert {(day.year, day.month) for day in days} == {(year, number)}
    assert (days[0].day, (days[-1] + timedelta(days=1)).day) == (1, 1)


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-00", "2026-13", "26-01", "2026-1", "٢٠٢٦-٠١", "2026-01-01", "1999-12"]
)
def test_what_is_no_month_is_none(text: str) -> None:
    assert read_month(text) is None


@pytest.mark.parametrize("text", ["", "2026-02-30", "20260301", "2026-W01-1", "2026-3-1", "1026-03-01", "today"])
def test_what_is_no_day_is_none(text: str) -> None:
    assert read_day(text) is None


@pytest.mark.parametrize(
    ("share", "said"), [(None, "–"), (0, "0 %"), (0.001, "1 %"), (0.5, "50 %"), (0.999, "99 %"), (1, "100 %")]
)
def test_a_share_is_never_rounded_up_to_all_or_down_to_none(share: float | None, said: str) -> None:
    assert percent(share) == said


def test_a_chart_of_a_month_without_calls_is_empty() -> None:
    chart = days_chart(Month(2026, 2), ())
    assert len(chart.bars) == 28
    assert {bar.all for bar in chart.bars} == {0}


@pytest.mark.feature("SEC-52")
@given(st.text(max_size=8))
def test_no_cell_begins_a_formula(text: str) -> None:
    line = csv_text(("name",), [(text,)]).split("\r\n", 1)[1]
    assert line.strip(' "\r\n')[:1] not in ("=", "+", "-", "@", "\t")


# --- words


def _row(kind: str, **public: str | int) -> LogRow:
    return LogRow("i", 1, NOW, kind, "k", "c", "t", "", "", "sms", public)


def test_every_kind_of_line_is_a_sentence_without_marks() -> None:
    for group in KINDS.values():
        for kind in group:
            said = sentence_of(_row(kind, after="confirmed"), "Dana", "Ada")
            assert said[0].isupper(), kind
            assert not set("{}`") & set(said), kind
    assert set(SAID) <= {kind for group in KINDS.values() for kind in group}, "words for a kind that is gone"


def test_what_came_from_a_source_is_not_called_done_by_hand() -> None:
    assert set(SAID_OF_SOURCES) == set(KINDS["source."])
    assert set(CAME) <= set(KINDS["contact."])
    by_hand, came = (_row("contact.address_changed", **more) for more in ({}, {"source": "s"}))
    assert "Microsoft" not in sentence_of(by_hand, "Dana", "Ada")
    said = "A number or address of Ada changed in Microsoft 365; the old one was told"
    assert sentence_of(came, "Watchword", "Ada") == said
    assert sentence_of(_row("source.sync_asked", source="s"), "Alex", "") == "Alex had an organisation read at once"


def test_a_kind_of_a_newer_version_is_shown_as_it_is() -> None:
    assert sentence_of(_row("moon.landed"), "Dana", "") == "Moon.landed"


def test_details_are_in_words_and_admins_see_the_rest() -> None:
    row = _row("tv.claim_check", direction="on_site", before="open", by_log_in="x", refused="not_yours")
    assert details_of(row)[0] == ("how", "on site")
    assert details_of(row)[1][1].startswith("Another technician has claimed this check")
    assert {name for name, _ in details_of(row)} == {"how", "why"}
    assert {"before", "by log in"} <= {name for name, _ in details_of(row, everything=True)}
