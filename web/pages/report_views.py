"""Figures as rows with names, and as bars: what the page of reports draws, and its files hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from storage.months import Month
from storage.tallies import Line
from web.look import _

#: What became of a call, in words. The keys are those of `storage.tallies.COUNTED`.
OUTCOMES: Mapping[str, str] = {
    "verified": _("Verified"),
    "spoken": _("Spoken yes"),
    "without_technician": _("Confirmed without a technician"),
    "denied": _("Denied"),
    "alarm": _("Alarm"),
    "unclaimed": _("Nobody claimed it in time"),
    "unanswered": _("No answer in time"),
    "rejected": _("Ended by a technician"),
    "opted_out": _("They texted STOP"),
    "no_check": _("Announced, no check asked for"),
}
#: Why a request started no check.
REFUSED: Mapping[str, str] = {
    "unknown_number": _("Unknown number"),
    "limit": _("Limit reached"),
    "opted_out": _("Had opted out of texts"),
    "blocked": _("Blocked sender"),
}
ALERTS: Mapping[str, str] = {
    "nobody_claimed": _("Nobody claimed a check"),
    "denied": _("A contact denied"),
    "late_deny": _("A contact denied after the check was over"),
    "confirmed_unclaimed": _("A contact confirmed twice, and nobody had claimed"),
    "wrong_codes": _("Too many wrong codes"),
    "prefix_paused": _("Texts to a range of numbers paused"),
    "nobody_on_duty": _("Nobody on duty could be told"),
    "nobody_to_tell": _("Nobody at all could be told"),
}
#: Each figure and what it means, as the page and the how-to say it.
MEANINGS: tuple[tuple[str, str], ...] = (
    (
        _("Call"),
        _(
            "A check that somebody asked for with #verify, or a call that a technician announced and for which no "
            "check was asked for in its time. It belongs to the day on which it was asked for or announced. Not "
            "counted: a check that a newer one of the same person replaced, one that was made void because the "
            "database was restored, the person erased or their number changed, one that is still running, and an "
            "announcement that was taken back or made anew."
        ),
    ),
    (
        _("Verified"),
        _(
            "The person confirmed with #confirm after a technician had claimed the check, having compared the code or "
            "typed the one they heard, and did not deny afterwards. The share is verified calls of all calls."
        ),
    ),
    (
        _("Spoken yes"),
        _("A technician wrote down that the person said yes. It proves less, so it does not count as verified."),
    ),
    (_("Denied"), _("The person said that the caller is not their technician, in time or up to a day later.")),
    (_("Alarm"), _("Confirmed twice though nobody had claimed, or too many wrong codes.")),
    (
        _("Median seconds to the code"),
        _(
            "From #verify until a technician was first shown the code: half of the checks took less, half took longer. "
            "Checks whose code nobody saw are left out."
        ),
    ),
    (
        _("Median seconds to #confirm"),
        _("From #verify until the person confirmed, of verified calls."),
    ),
    (
        _("Texts and segments"),
        _(
            "Texts made that day which the carrier took, to contacts and to technicians. A long text is several "
            "segments, and the carrier bills segments. Not delivered: the carrier reported so."
        ),
    ),
    (
        _("Technician and client"),
        _(
            "The technician who had the check at its end, or who announced the call. The client is that of the contact "
            "at the time of counting; a number that several people share belongs to none until the claimer says who it "
            "is."
        ),
    ),
)


_MONTHS = (
    _("January"),
    _("February"),
    _("March"),
    _("April"),
    _("May"),
    _("June"),
    _("July"),
    _("August"),
    _("September"),
    _("October"),
    _("November"),
    _("December"),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """A column of a chart, in percent of its height and width. `good` is the part of `all` that is drawn on top."""

    x: float
    width: float
    all: float
    good: float
    said: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`most`: what the full height stands for. `ends`: what stands below the first and the last column."""

    bars: tuple[Bar, ...]
    most: int
    ends: tuple[str, str]


def named(month: Month) -> str:
    """As people write it, such as `March 2026`."""
    return f"{_MONTHS[month.number - 1]} {month.year}"


def days_chart(month: Month, days: Sequence[tuple[date, Line]]) -> Chart:
    """Calls of each day of the month, and how many of them were verified."""
    lines = dict(days)
    named = [(day.isoformat(), lines.get(day, Line())) for day in month.days()]
    most = max((line.calls for _, line in named), default=0)
    return Chart(
        tuple(
            _bar(
                place,
                len(named),
                line.calls / most if most else 0,
                line.verified / most if most else 0,
                _("%(day)s: %(verified)s of %(calls)s verified")
                % {"day": name, "calls": line.calls, "verified": line.verified},
            )
            for place, (name, line) in enumerate(named)
        ),
        most,
        (named[0][0], named[-1][0]),
    )


def shares_chart(months: Sequence[tuple[Month, Line]]) -> Chart:
    """The share of verified calls in each month; a month without calls has no column."""
    return Chart(
        tuple(
            _bar(
                place,
                len(months),
                1 if line.calls else 0,
                line.share or 0,
                f"{month}: {percent(line.share)}",
            )
            for place, (month, line) in enumerate(months)
        ),
        100,
        (str(months[0][0]), str(months[-1][0])),
    )


def _bar(place: int, of: int, all: float, good: float, said: str) -> Bar:
    step = 100 / of
    return Bar(
        round(place * step + step * 0.12, 2), round(step * 0.76, 2), round(100 * all, 2), round(100 * good, 2), said
    )


def percent(share: float | None) -> str:
    """`83 %`, never rounded up to all or down to none; a dash where there is nothing to have a share of."""
    if share is None:
        return "–"
    whole = round(share * 100)
    if share > 0:
        whole = max(whole, 1)
    return f"{whole if share >= 1 else min(whole, 99)} %"


def seconds(value: float | None) -> str:
    """`2.4 s`; a dash where nothing was measured."""
    return "–" if value is None else f"{value:.1f} s"
