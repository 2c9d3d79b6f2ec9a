"""Signs of several rules, each a number with limits, as one kind of plot."""

from __future__ import annotations

from console.plots.facts import entries, holds, said, whole
from console.plots.pen import Pen
from console.plots.signs import Shown, signs

#: Units of signs that stand for a fraction: the divisor and what is written.
_FRACTIONS = {"‰": (10, "%"), "thousandths": (1000, "")}
#: The one sign of which less is worse: a machine's rhythm does not vary.
_LESS_IS_WORSE = "variation of the gaps between calls"


def draw_signs(pen: Pen, name: str = "signs", below: bool = False) -> None:
    """The plot of ``facts.signs``: of two limits (``warn`` and ``strong``, ``notice`` and ``breach``), or of one (``limit``)."""
    words, found, written = pen.words, [], []
    for sign in entries(pen.facts, "signs"):
        unit = said(sign, "unit")
        divisor, shown_unit = _FRACTIONS.get(unit, (1, words.fact(unit)))
        measured = whole(sign, "measured")
        notice = whole(sign, "warn") or whole(sign, "notice")
        breach = whole(sign, "strong") or whole(sign, "breach") or whole(sign, "limit")
        level = min(whole(sign, "level"), 2) if "level" in sign else 2 if holds(sign, "holds") else 0
        texts = [words.decimal(value / divisor) if divisor > 1 else words.count(value) for value in (measured, notice, breach)]
        less = said(sign, "name") == _LESS_IS_WORSE
        found.append(
            Shown(
                name=words.fact(said(sign, "name"), "short"),
                full=words.fact(said(sign, "name")),
                measured=measured,
                notice=notice,
                breach=breach,
                text=f"{texts[0]} / {'< ' if less else ''}{texts[2]}{' %' if shown_unit == '%' else ''}",
                unit=shown_unit,
                level=level,
                below=less,
                judged="sample" not in sign or sign.get("kind") == "rate" or whole(sign, "sample") > 0,
            )
        )
        written.append((texts[0], texts[1] if notice else "", texts[2]))
    if found:
        pen.draw(name, lambda frame: signs(frame, found, written), below=below)
