"""What the lines of one customer tell each other for ``moved-line``: when half of a site moves together, the site has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.outputs import Window
from detectors.plan import rule_state
from detectors.rule import Finding
from detectors.state import Mark

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.rules.moved_line import MovedLineParams

RULE_ID = "moved-line"
#: One line cannot move "together": a site of one or two lines needs two.
LEAST_TOGETHER = 2
#: Sites, and lines of each, named in the facts; the summary counts them all. Ten by fifty names of twenty letters are 12 KiB.
MOST_SITES, MOST_NAMED = 10, 50


class Line(msgspec.Struct, array_like=True):
    """A line: its site, the last closed day on which it registered, and the oldest of the outside days a breach needs (-1: none)."""

    site: str = ""
    last: int = -1
    since: int = -1


class MovedLineTenant(msgspec.Struct, array_like=True):
    """Lines of a customer that registered lately.

    ``proofs``: the latest outside registration of each that has moved; ``judged``: when the sites were last judged, and
    ``together`` those found to have moved.
    """

    lines: dict[str, Line] = {}
    proofs: dict[str, Mark] = {}
    judged: int = 0
    together: list[str] = []


class MovedSite(msgspec.Struct, frozen=True):
    """A site: its lines that have moved, and how many registered lately."""

    site: str
    moved: tuple[str, ...]
    lines: int


class OutsideDay(msgspec.Struct, frozen=True):
    """A closed day on which a line registered only from outside, with the network it was last seen on."""

    day: str
    country: str
    network: str


class MovedLineFacts(msgspec.Struct, frozen=True):
    """What the screen plots: for a line its days outside, for a customer its sites."""

    site: str = ""
    """The line's site, empty when its account names none."""
    networks: tuple[str, ...] = ()
    """Networks of that site, at most twenty."""
    days: tuple[OutsideDay, ...] = ()
    """Days on which the line registered only from elsewhere."""
    sites: tuple[MovedSite, ...] = ()
    """Sites of which half has moved, at most ten, with at most fifty lines each."""


def shared(ctx: Context) -> MovedLineTenant:
    """The customer's state, new when there is none."""
    state: MovedLineTenant = rule_state(ctx.tenant.rules, RULE_ID, MovedLineTenant)
    return state


def tell(ctx: Context, site: str, day: int, since: int, proof: Mark | None) -> None:
    """Note that the line whose turn it is closed a day on which it registered."""
    state, name = shared(ctx), ctx.licence.licence
    known = state.lines.get(name)
    state.lines[name] = Line(site, day if known is None else max(day, known.last), since)
    if since < 0 or proof is None:
        state.proofs.pop(name, None)
    else:
        state.proofs[name] = proof


def forget_line(ctx: Context) -> None:
    """The line's account or the networks of its site changed: what it showed is no longer counted."""
    state = shared(ctx)
    state.lines.pop(ctx.licence.licence, None)
    state.proofs.pop(ctx.licence.licence, None)


def moved_sites(ctx: Context, p: MovedLineParams, day: int) -> list[MovedSite]:
    """Sites of which half of the lines that registered within the window have moved, by name."""
    state = shared(ctx)
    sites: dict[str, tuple[list[str], int]] = {}
    before = day - p.window_days
    for name in [name for name, line in state.lines.items() if line.last <= before]:
        del state.lines[name]
        state.proofs.pop(name, None)
    for name, line in sorted(state.lines.items()):
        moved, count = sites.get(line.site, ([], 0))
        if line.since > before:
            moved.append(name)
        sites[line.site] = moved, count + 1
    return [
        MovedSite(site, tuple(moved), count)
        for site, (moved, count) in sorted(sites.items())
        if len(moved) >= LEAST_TOGETHER and len(moved) * 100 >= p.site_percent * count
    ]


def judge(ctx: Context, p: MovedLineParams, at: int) -> list[str]:
    """Judge the sites, once for all lines that close their day together; returns those that have moved.

    Says that their networks are out of date, or ends that alert when none has moved any more.
    """
    state = shared(ctx)
    if state.judged != at:
        state.judged = at
        sites = moved_sites(ctx, p, ctx.licence.closed)
        state.together = [one.site for one in sites]
        if sites:
            _report(ctx, p, sites)
        elif RULE_ID in ctx.tenant.alerts:
            ctx.close(RULE_ID, "no site has half of its lines elsewhere", tenant_wide=True)
    return state.together


def _report(ctx: Context, p: MovedLineParams, sites: list[MovedSite]) -> None:
    names = sorted(name for one in sites for name in one.moved)
    if not ctx.tenant_wants(RULE_ID, "notice", len(names)):
        return
    state, end = shared(ctx), ctx.clock.bounds(ctx.licence.closed)[1]
    lines = sum(one.lines for one in sites)
    proofs = sorted((state.proofs[name] for name in names if name in state.proofs), key=lambda mark: (mark.time, mark.src, mark.line))
    where = ", ".join(one.site or "no site named" for one in sites[:5])
    ctx.report(
        Finding(
            rule=RULE_ID,
            level="notice",
            measured=len(names),
            limit=sum(max(LEAST_TOGETHER, -(-one.lines * p.site_percent // 100)) for one in sites),
            unit="lines",
            window=Window(ctx.clock.bounds(min(state.lines[name].since for name in names))[0], end),
            crossed_at=end,
            issued_at=ctx.now,
            summary=f"Site networks out of date: {len(names)} of {lines} lines ({where}) registered only from elsewhere on "
            f"{p.breach_days} or more of {p.window_days} days.",
            facts=MovedLineFacts(sites=tuple(MovedSite(one.site, one.moved[:MOST_NAMED], one.lines) for one in sites[:MOST_SITES])),
            against=("lines that move together have rather a new access line than a new place",),
            evidence=ctx.evidence(proofs),
            evidence_more=max(0, len(proofs) - 50),
            tenant_wide=True,
            involved=tuple(names),
            replaces=True,
        )
    )
