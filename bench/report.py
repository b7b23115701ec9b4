"""The tables that a run prints."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.measure import CORE, HELLO, LEAN, PLAIN, TEXTS, R, Results
from bench.side import SENDERS
from bench.stored import POSTGRES, SQLITE


@dataclass(frozen=True, slots=True)
class Target:
    """What must be reached and what is aimed at; `less`: the smaller, the better."""

    what: str
    must: float
    aim: float
    less: bool = False

    def verdict(self, values: Sequence[float]) -> str:
        """One word or two. A range that holds a bound is no verdict, only another reason to run it again."""
        reached = [
            (value <= bound if self.less else value >= bound) for bound in (self.must, self.aim) for value in values
        ]
        must, aim = reached[: len(values)], reached[len(values) :]
        if all(aim):
            return "HIT, aim too"
        if all(must):
            return "HIT, around the aim" if any(aim) else "HIT"
        return "around the must: run it again" if any(must) else "MISS"

    def row(self, values: Sequence[float]) -> str:
        sign = "<=" if self.less else ">="
        bounds = f"{sign} {self.must:g} / {self.aim:g}"
        return f"  {self.what:<58}{spread(values):>22}   {bounds:<16}{self.verdict(values)}"


FILE_TURN = Target("SQLite: plain text, answered / R, 32 senders", 0.45, 0.70)
SERVER_TURN = Target("PostgreSQL: plain text, answered / R, 32 senders", 0.30, 0.45)
ALONE = Target("PostgreSQL: p50 of one sender / p50 of the Core turn", 0.60, 0.42, less=True)
HEAD = f"  {'median (least - most over the rounds)':<58}{'measured':>22}   must / aim      "


def table(results: Results) -> str:
    """Every kind at every number of senders, medians over the rounds, ratios as ranges."""
    lines = [
        f"{'':<38}{'senders':>8}{'req/s':>8}{'ratio to R':>18}{'ratio to lean R':>18}"
        f"{'p50 ms':>9}{'p95':>8}{'p99':>8}{'CPU us':>8}{'server':>8}"
    ]
    rows = [("", HELLO), ("", R), ("", LEAN), *((e, kind) for e in (SQLITE, POSTGRES) for kind in TEXTS), ("", CORE)]
    for engine, kind in rows:
        for senders in SENDERS:
            one = results.get((engine, kind, senders))
            if one is None:
                continue
            rates = [run.per_second for run in one.runs]
            quantiles = [median(run.percentile(share) for run in one.runs) for share in (0.5, 0.95, 0.99)]
            name = f"{engine}: {kind}" if engine else kind
            server = median(one.server_us)
            lines.append(
                f"{name if senders == SENDERS[0] else '':<38}{senders:>8}{median(rates):>8.0f}"
                f"{spread(one.ratios[R]):>18}{spread(one.ratios[LEAN]):>18}"
                f"{quantiles[0]:>9.2f}{quantiles[1]:>8.2f}{quantiles[2]:>8.2f}{median(one.app_us):>8.0f}"
                + (f"{server:>8.0f}" if server else "")
            )
    lines += [
        "CPU us: processor time of one request in the process that answers it; server: in PostgreSQL's processes.",
        "R: aiohttp's form, Twilio's validator, TwiML. Lean R: the same with the product's own functions,",
        "the least that any server can do; it says how far the turn is from doing nothing at all.",
        "",
        HEAD,
        FILE_TURN.row(results[SQLITE, PLAIN, 32].ratios[R]),
    ]
    if (POSTGRES, PLAIN, 32) in results:
        lines += [SERVER_TURN.row(results[POSTGRES, PLAIN, 32].ratios[R]), ALONE.row(to_core(results))]
    lines.append(f"  by processor time, which neighbours move least, 32 senders: {processor_time(results)}")
    return "\n".join(lines)


def processor_time(results: Results) -> str:
    """Microseconds of R and of a plain text that is answered, and what share of R's requests that would allow."""
    r = median(results["", R, 32].app_us)
    said = [f"R {r:.0f} us"]
    for engine in (SQLITE, POSTGRES):
        if (engine, PLAIN, 32) in results:
            one = results[engine, PLAIN, 32]
            app, server = median(one.app_us), median(one.server_us)
            beside = f" and {server:.0f} in the server" if server else ""
            said.append(f"{engine} {app:.0f}{beside}, which is {r / (app + server):.2f}")
    return "; ".join(said)


def to_core(results: Results) -> list[float]:
    """A lone sender's median wait on PostgreSQL as a share of the Core turn's, round by round."""
    ours, core = results[POSTGRES, PLAIN, 1].runs, results["", CORE, 1].runs
    return [a.percentile(0.5) / b.percentile(0.5) for a, b in zip(ours, core, strict=True)]


def spread(values: Sequence[float]) -> str:
    """`median (least-most)`, empty for nothing."""
    if not values:
        return ""
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def load_average() -> str:
    """What else the machine was doing; with our own processes in it."""
    return "load average {:.1f} {:.1f} {:.1f}, {} processors".format(*os.getloadavg(), os.cpu_count() or 0)
