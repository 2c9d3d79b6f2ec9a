"""Writing SVG: escaped, rounded, and the same bytes for the same input.

Facts carry what strangers chose (user agents, device ids), so nothing reaches the markup but through ``clean`` and ``attribute``.
"""

from __future__ import annotations

import re
from html import escape

#: Size of ordinary text in CSS pixels; ``style.css`` says the same. Below 12 px, axes cannot be read at 1366 x 768.
TEXT_PX = 12
#: Characters that XML 1.0 forbids even when written as references.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Widths in thousandths of the text size, of DejaVu Sans: the widest of the fonts a system has at hand, so that text fits in each.
_NARROW, _WIDE = frozenset("iljtfrI.,:;'|!()[] -/·"), frozenset("mwMW%@—→…•")
_ELLIPSIS = "…"


def clean(value: object) -> str:
    r"""Text that may stand between tags.

    >>> clean("<script>\x00")
    '&lt;script&gt;\ufffd'
    """
    return escape(_FORBIDDEN.sub("\ufffd", str(value)), quote=True)


def number(value: float) -> str:
    """A coordinate with at most two decimals.

    >>> number(12.0), number(0.125), number(-0.001)
    ('12', '0.12', '0')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def width_of(text: str, px: int = TEXT_PX, bold: bool = False) -> float:
    """Pixels that a text takes at most; the labels of limits are bold."""
    thousandths = sum(390 if c in _NARROW else 1000 if c in _WIDE else 720 if c.isupper() else 640 for c in text)
    return thousandths * px * (1.12 if bold else 1) / 1000


def shorten(text: str, room: float, px: int = TEXT_PX) -> str:
    """The text, cut with an ellipsis where it would leave its room of pixels.

    >>> shorten("Linphone-Desktop/5.2.6", 80)
    'Linphone-…'
    """
    if width_of(text, px) <= room:
        return text
    while text and width_of(text + _ELLIPSIS, px) > room:
        text = text[:-1]
    return text + _ELLIPSIS


class Drawing:
    """An SVG under construction: shapes in the order in which they are drawn."""

    def __init__(self, ident: str, width: float, height: float) -> None:
        self.ident = re.sub(r"[^A-Za-z0-9_-]", "-", ident)
        self.width, self.height = width, height
        self._parts: list[str] = []
        self._hatched = False

    def rect(self, x: float, y: float, width: float, height: float, cls: str, tip: str = "", hatched: bool = False) -> None:
        """A rectangle; ``hatched`` lays stripes over it, so that weak proof and second series read without colour."""
        place = f'x="{number(x)}" y="{number(y)}" width="{number(max(0, width))}" height="{number(max(0, height))}"'
        # The stripes would swallow the pointer, so the tip is theirs when there are any.
        self._shape("rect", place, cls, "" if hatched else tip)
        if hatched:
            self._hatched = True
            self._shape("rect", f'{place} fill="url(#{self.ident}-hatch)"', "plot-hatch", tip)

    def circle(self, x: float, y: float, radius: float, cls: str, tip: str = "") -> None:
        """A dot."""
        self._shape("circle", f'cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"', cls, tip)

    def line(self, x1: float, y1: float, x2: float, y2: float, cls: str) -> None:
        """A straight line."""
        self._shape("line", f'x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"', cls, "")

    def path(self, points: list[tuple[float, float]], cls: str, closed: bool = False, tip: str = "") -> None:
        """A line through points, or the shape they enclose."""
        steps = " ".join(f"{'M' if not i else 'L'}{number(x)} {number(y)}" for i, (x, y) in enumerate(points))
        self._shape("path", f'd="{steps}{" Z" if closed else ""}"', cls, tip)

    def text(self, x: float, y: float, text: str, cls: str = "plot-label", anchor: str = "start", room: float = 0, tip: str = "") -> None:
        """A line of text whose baseline is at ``y``; ``room`` cuts it, and the whole text becomes its tip."""
        shown = shorten(text, room) if room else text
        tip = tip or (text if shown != text else "")
        inner = f"<title>{clean(tip)}</title>{clean(shown)}" if tip else clean(shown)
        self._parts.append(f'<text x="{number(x)}" y="{number(y)}" class="{clean(cls)}" text-anchor="{clean(anchor)}">{inner}</text>')

    def finish(self, title: str, about: str) -> str:
        """The whole SVG, named and described for those who do not see it."""
        hatch = ""
        if self._hatched:
            hatch = (
                f'<defs><pattern id="{self.ident}-hatch" width="4" height="4" patternUnits="userSpaceOnUse" '
                'patternTransform="rotate(45)"><rect width="2" height="4" class="plot-stripe"/></pattern></defs>'
            )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="plot-svg" id="{self.ident}" role="img" '
            f'aria-labelledby="{self.ident}-title" aria-describedby="{self.ident}-about" '
            f'viewBox="0 0 {number(self.width)} {number(self.height)}" width="{number(self.width)}" height="{number(self.height)}">'
            f'<title id="{self.ident}-title">{clean(title)}</title><desc id="{self.ident}-about">{clean(about)}</desc>{hatch}'
            f"{''.join(self._parts)}</svg>"
        )

    def _shape(self, name: str, place: str, cls: str, tip: str) -> None:
        end = f"><title>{clean(tip)}</title></{name}>" if tip else "/>"
        self._parts.append(f'<{name} {place} class="{clean(cls)}"{end}')
