"""Night where a called number is: its calling code gives the zone, at least for the home zone and the countries around it.

A call at 23 h from Paris is an evening call in Dakar and an early afternoon one in Papeete. The core opens no database, so a code
that spans several zones (``1``, ``7``) or is rarely called from France falls back on the customer's own zone. Sources: ITU-T
E.164, list of assigned country codes; IANA time zone database, ``zone.tab``; the hours are the specification's (22 h to 7 h).
"""

from __future__ import annotations

from detectors.days import DAY, HOUR, day_clock
from detectors.ranges import code_of

#: Calling code to IANA zone: the home zone, its neighbours, and the countries called most from France.
ZONES = {
    "33": "Europe/Paris", "262": "Indian/Reunion", "508": "America/Miquelon", "590": "America/Guadeloupe", "594": "America/Cayenne",
    "596": "America/Martinique", "681": "Pacific/Wallis", "687": "Pacific/Noumea", "689": "Pacific/Tahiti",
    "32": "Europe/Brussels", "34": "Europe/Madrid", "39": "Europe/Rome", "41": "Europe/Zurich", "44": "Europe/London",
    "49": "Europe/Berlin", "352": "Europe/Luxembourg", "376": "Europe/Andorra", "377": "Europe/Monaco",
    "31": "Europe/Amsterdam", "351": "Europe/Lisbon", "353": "Europe/Dublin",
    "212": "Africa/Casablanca", "213": "Africa/Algiers", "216": "Africa/Tunis", "221": "Africa/Dakar", "225": "Africa/Abidjan",
}  # fmt: skip
#: Mayotte shares 262 with La Réunion, an hour further west.
MAYOTTE = ("+262269", "+262639")


def zone_of(e164: str, otherwise: str) -> str:
    """The IANA zone a number is in; ``otherwise`` when its calling code tells none.

    >>> zone_of("+590690123456", "Europe/Paris"), zone_of("+262639123456", "Europe/Paris"), zone_of("+12125550123", "Europe/Paris")
    ('America/Guadeloupe', 'Indian/Mayotte', 'Europe/Paris')
    """
    return "Indian/Mayotte" if e164.startswith(MAYOTTE) else ZONES.get(code_of(e164), otherwise)


def is_night(e164: str, at: int, otherwise: str, start: int, end: int) -> bool:
    """Whether it is night where a number is.

    Args:
        e164: the called number.
        at: the instant, in milliseconds.
        otherwise: the customer's zone, for a number whose code tells none.
        start: first wall-clock hour of the night, later than ``end``.
        end: first hour after it.

    >>> late = 1_772_488_800_000  # 2026-03-02 23:00 in Paris
    >>> is_night("+33612345678", late, "Europe/Paris", 22, 7), is_night("+590690123456", late, "Europe/Paris", 22, 7)
    (True, False)
    """
    clock = day_clock(zone_of(e164, otherwise))
    first, next_ = clock.bounds(clock.day_of(at))
    # Hours of a day without a change of the clock need no calendar: a third of the time.
    hour = (at - first) // HOUR if next_ - first == DAY else clock.hour_of(at)
    return hour >= start or hour < end
