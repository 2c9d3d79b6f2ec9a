"""Gathers the plots of one alert: names them, frames them, and lets at most three stand above the fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from console.plots.clock import Clock, instant
from console.plots.facts import Facts, whole
from console.plots.plot import HEIGHT, Drawn, Frame, Plot
from console.plots.words import Words

#: Plots, and columns of the page, that fit above the fold at 1366 x 768.
MOST_ABOVE, COLUMNS = 3, 3


class Pen:
    """Draws plots of an alert in order of importance.

    Args:
        alert: the alert as on the wire.
        facts: the facts to draw, the alert's own or those of a sign that joined it.
        prefix: what ids begin with.
        words: the reader's words.
        clock: the reader's clock.
        folded: whether all stands below the fold.
    """

    def __init__(self, alert: Mapping[str, Any], facts: Facts, prefix: str, words: Words, clock: Clock, folded: bool = False) -> None:
        self.alert, self.facts, self.words, self.clock = alert, facts, words, clock
        self.plots: list[Plot] = []
        self._prefix, self._folded = prefix, folded

    @property
    def limit(self) -> int:
        """Limit of the alert's measure."""
        return whole(self.alert, "limit")

    @property
    def until(self) -> int | None:
        """End of the alert's window in ms."""
        window = self.alert.get("window")
        return instant(window.get("to")) if isinstance(window, Mapping) else None

    def draw(self, name: str, picture: Callable[[Frame], Drawn], span: int = 1, height: int = HEIGHT, below: bool = False) -> None:
        """Add a plot: ``name`` is the key of its title and description; ``below`` puts it below the fold whatever room there is."""
        title = self.words(f"title.{name}")
        ident = f"{self._prefix}-{name.replace('_', '-')}"
        drawn = picture(Frame(ident, title, self.words(f"about.{name}"), span, self.words, self.clock, height))
        above = [plot for plot in self.plots if plot.above_fold]
        fits = len(above) < MOST_ABOVE and sum(plot.span for plot in above) + span <= COLUMNS
        here = fits and not below and not self._folded
        self.plots.append(Plot(ident, f"title.{name}", title, drawn.svg, drawn.table, here, span))
