"""This billing month and the last, for rules that count by the month; and the end of an episode at the month's turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    from detectors.context import Context


class Counted(msgspec.Struct, array_like=True):
    """What a rule counts in one billing month, [start, end) in milliseconds; ``label`` names it (see ``billing``)."""

    start: int
    end: int
    label: str


M = TypeVar("M", bound=Counted)


def month_at(ctx: Context, months: list[M], at: int, new: Callable[[int, int, str], M], keeps: Callable[[M], bool]) -> M | None:
    """The month that holds an instant, new when it has just begun; None for one that is no longer counted.

    Args:
        ctx: whose billing months.
        months: those kept, oldest first: at most this one and the last.
        at: the instant, in milliseconds.
        new: makes a month from its bounds and label.
        keeps: whether a month that is over is worth keeping beside the new one.
    """
    for month in reversed(months):
        if month.start <= at < month.end:
            return month
    if months and at < months[-1].end:
        return None
    start, end, label = ctx.billing.month_of(at)
    if months:
        # After a change of the billing day two months would overlap: the new one begins where the old one was told to end.
        start = max(start, months[-1].end)
        months[:] = [months[-1]] if keeps(months[-1]) else []
    month = new(start, end, label)
    months.append(month)
    return month


def new_bounds(ctx: Context, months: list[M]) -> None:
    """The customer's billing day or zone may have changed: the month that runs ends when the new billing month does."""
    if months and months[-1].start <= ctx.now < months[-1].end:
        months[-1].end = ctx.billing.month_of(ctx.now).end
