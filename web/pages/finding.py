"""Finding a row among two hundred: words that must stand on it, and which kind it must be. The page's script does the
same to rows as they come (`static/js/codes.js`), so a link with a search in it means the same with and without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from web.pages.views import Board, Card

Kind = Literal["all", "waiting", "mine", "needs_ticket"]
#: Fields of a card that are searched; nobody looks for a code.
SEARCHED = ("name", "company", "address", "state", "ticket", "technician")
#: With no more rows than this there is nothing to search.
FEW = 5
#: Of a long list so many rows are drawn whole, the others are their heads until they are opened.
WHOLE = 12


@dataclass(frozen=True, slots=True)
class Sought:
    """What somebody looks for. `typed` is what stands in the field, `words` what must be found."""

    typed: str = ""
    show: Kind = "all"

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.typed.lower().split())

    @property
    def is_all(self) -> bool:
        return not self.words and self.show == "all"


@dataclass(frozen=True, slots=True)
class Found:
    """Ids of the rows that fit, and how many rows of each kind the words leave. `few`: there is nothing to search.
    `far`: those that run, fit, and are far down the list."""

    ids: frozenset[str]
    counts: Mapping[Kind, int]
    few: bool
    far: frozenset[str]


EVERYTHING = Sought()


def sought_in(query: Mapping[str, str]) -> Sought:
    """From the page's address; what makes no sense is everything."""
    show: Kind = next((kind for kind in get_args(Kind) if kind == query.get("show")), "all")
    return Sought(query.get("q", "").strip()[:80], show)


def found_in(board: Board, sought: Sought, technician_id: str) -> Found:
    """Which rows fit, for this technician."""
    rows = (*board.live, *board.today)
    named = [row for row in rows if all(word in _text(row) for word in sought.words)]
    of_kind: Mapping[Kind, list[Card]] = {
        "all": named,
        "waiting": [row for row in named if row.kind == "waiting"],
        "mine": [row for row in named if row.technician_id == technician_id],
        "needs_ticket": [row for row in named if row.needs_ticket],
    }
    fit = frozenset(row.id for row in of_kind[sought.show])
    return Found(
        fit,
        {kind: len(cards) for kind, cards in of_kind.items()},
        few=len(rows) <= FEW and sought.is_all,
        far=frozenset([row.id for row in board.live if row.id in fit][WHOLE:]),
    )


def _text(row: Card) -> str:
    chosen = [choice.text for choice in row.tickets if choice.chosen and choice.value not in ("new", "later")]
    return " ".join((*(getattr(row, name) for name in SEARCHED), *chosen)).lower()
