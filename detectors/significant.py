"""The same number, however it was written: called numbers come as E.164, callers as the network wrote them.

``0612345678``, ``+33 6 12 34 56 78`` and ``0033612345678`` are one telephone. Their last nine digits are equal, as they are for the
overseas plans (``0690123456`` and ``+590690123456``); two telephones of different countries share them once in a thousand million.
"""

from __future__ import annotations

DIGITS = 9


def significant(number: str) -> int:
    """The last nine digits of a number as an integer; 0 for a name, and for a caller that shows nothing.

    >>> significant("+33612345678") == significant("06 12 34 56 78") == significant("sip:0033612345678@192.0.2.1")
    True
    >>> significant("anonymous")
    0
    """
    tail = number[-DIGITS:]
    if tail.isdecimal():
        return int(tail)
    digits = "".join(c for c in number.partition("@")[0] if c.isdecimal())
    return int(digits[-DIGITS:] or 0)
