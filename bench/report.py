"""The tables that a run prints."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.measure import CHECK, HELLO, LEAN, PLAIN, QUIET, SENDERS, R, Results

MUST, STRETCH = 0.45, 0.70


def table(results: Results) -> str:
    """Every kind at every number of senders, medians over the rounds, ratios as ranges."""
    lines = [
        f"{'':<28}{'senders':>8}{'req/s':>8}{'ratio to R':>18}{'ratio to lean R':>18}"
        f"{'p50 ms':>9}{'p95':>8}{'p99':>8}{'CPU us':>8}"
    ]
    for kind in (HELLO, R, LEAN, PLAIN, QUIET, CHECK):
        for senders in SENDERS:
            one = results[kind, senders]
            rates = [run.per_second for run in one.runs]
            quantiles = [median(run.percentile(share) for run in one.runs) for share in (0.5, 0.95, 0.99)]
            lines.append(
                f"{kind if senders == SENDERS[0] else '':<28}{senders:>8}{median(rates):>8.0f}"
                f"{spread(one.ratios[R]):>18}{spread(one.ratios[LEAN]):>18}"
                f"{quantiles[0]:>9.2f}{quantiles[1]:>8.2f}{quantiles[2]:>8.2f}{median(one.cpu_us):>8.0f}"
            )
    reached = results[PLAIN, 32].ratios
    lines += ["", f"plain text, answered, 32 senders; must {MUST:.2f} of R / stretch {STRETCH:.2f} of R"]
    lines.append(f"  {spread(reached[R])} of R. {verdict(reached[R])}")
    lines.append(f"  {spread(reached[LEAN])} of lean R, the stricter one. {verdict(reached[LEAN])}")
    lines.append("R: aiohttp's form, Twilio's validator, TwiML. Lean R: the same with the product's own functions,")
    lines.append("the least that any server can do; it says how far the turn is from doing nothing at all.")
    return "\n".join(lines)


def verdict(ratios: Sequence[float]) -> str:
    """One sentence. A range that holds the bound is no verdict, only another reason to run it again."""
    if min(ratios) >= STRETCH:
        return "Above the stretch value."
    if min(ratios) >= MUST:
        return "Above the must."
    if max(ratios) < MUST:
        return "Below the must."
    return "Around the must: run it again when the machine is quiet."


def spread(values: Sequence[float]) -> str:
    """`median (least-most)`, empty for nothing."""
    if not values:
        return ""
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"
