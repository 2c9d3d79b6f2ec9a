"""Reports as one self-contained HTML page: no script, nothing loaded, light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_HERE = Path(__file__).resolve().parent
#: A bar of a hundredth of the height would not be seen, and an empty bin must not look like one.
_LEAST = 1.5


def page(template: str, **values: Any) -> str:
    """A template of this package, filled; every text is escaped.

    Args:
        template: its path below ``models/``.
        values: what it shows.
    """
    return _environment().get_template(template).render(**values)


def paired_bars(before: Sequence[float], now: Sequence[float], width: int, height: int, label: str) -> Markup:
    """Shares of bins as pairs of bars, training's left of today's; ``label`` says it to those who do not see it."""
    most = max([*before, *now, 1e-9])
    step = width / max(len(before), 1)
    thick = round(step * 0.4, 2)
    bars = []
    for number, pair in enumerate(zip(before, now, strict=True)):
        for place, (share, kind) in enumerate(zip(pair, ("then", "now"), strict=True)):
            tall = round(max(share / most * (height - 1), _LEAST if share > 0 else 0), 2)
            x = round(number * step + step * 0.08 + place * (thick + step * 0.04), 2)
            bars.append(f'<rect class="{kind}" x="{x}" y="{round(height - tall, 2)}" width="{thick}" height="{tall}" rx="1"/>')
    axis = f'<line class="axis" x1="0" x2="{width}" y1="{height - 0.5}" y2="{height - 0.5}"/>'
    start = Markup('<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" aria-label="{2}">').format(width, height, label)
    return start + Markup("".join(bars) + axis + "</svg>")


def whiskers(measured: Sequence[tuple[str, tuple[float | None, float | None, float | None]]], width: int, label: str) -> Markup:
    """Values from 0 to 1 with their intervals, one line each: a dot on a whisker. The first of the pair is the champion's."""
    row = 14
    height = row * len(measured)
    ends = (("axis", _at(0, width)), ("end", _at(1, width)))
    parts = [f'<line class="{kind}" x1="{x}" x2="{x}" y1="0" y2="{height}"/>' for kind, x in ends]
    for number, (kind, (value, low, high)) in enumerate(measured):
        y = number * row + row / 2
        if value is None:
            continue
        if low is not None and high is not None:
            parts.append(f'<line class="{kind} whisker" x1="{_at(low, width)}" x2="{_at(high, width)}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="{kind}" cx="{_at(value, width)}" cy="{y}" r="4"/>')
    start = Markup('<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" aria-label="{2}">').format(width, height, label)
    return start + Markup("".join(parts) + "</svg>")


def _at(value: float, width: int) -> float:
    return round(5 + min(max(value, 0.0), 1.0) * (width - 10), 2)


def percent(share: float | None) -> str:
    """A share in words: ``1.2 %``; a dash for none."""
    return "–" if share is None else f"{share * 100:.2f} %" if abs(share) < 0.1 else f"{share * 100:.1f} %"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["css"] = Markup((_HERE / "page.css").read_text("utf-8"))
    environment.globals.update(paired_bars=paired_bars, whiskers=whiskers)
    environment.filters["percent"] = percent
    return environment
