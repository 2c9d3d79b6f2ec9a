"""What is remembered of alerts and of restrictions: the memory behind ``alerts`` and ``decisions``."""

from __future__ import annotations

import msgspec

from detectors.outputs import Alert, Cause


class OpenAlert(msgspec.Struct, array_like=True):
    """An open alert.

    ``statement`` is the last one said; ``said_day`` the day it was said on; ``bound`` a person's ``no_breach`` or lift
    (nothing automatic comes back in this episode); ``verdict`` the last verdict; ``applied`` whether its automatic cause was
    published; ``doubling`` the measure at which a judged alert returns to review; ``watched`` a person's wish to see it grow.
    """

    statement: Alert
    said_day: int = -1
    bound: bool = False
    verdict: str = ""
    applied: bool = False
    doubling: int = 0
    watched: bool = False


class Standing(msgspec.Struct, array_like=True):
    """The restriction of a licence as last published.

    ``spans`` are the [from, to] of ``outgoing`` in force (``to`` 0 while it is), kept for 400 days, since restricted days
    count for no stay.
    """

    epoch: int = 1
    sequence: int = 0
    causes: list[Cause] = []
    aors: tuple[str, ...] = ()
    spans: list[tuple[int, int]] = []
