"""How values are written for a person: times with their zone, money, numbers, durations; in their language and zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup

from console.texts import Texts
from streams.times import parse_time

if TYPE_CHECKING:
    from console.db.tables import Alert
    from console.review.case import Entry

#: French groups digits by a narrow no-break space and puts the sign after, apart by a no-break space.
NARROW, WIDE = "\u202f", "\u00a0"
MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "fr": ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."),
}
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


class Words:
    """Writes values for one person.

    >>> words = Words("fr", "Europe/Paris")
    >>> Words("en", "UTC").money(114000), Words("en", "UTC").money(-250)
    ('€1,140.00', '−€2.50')
    >>> words.clock(1_795_525_331_000), Words("en", "UTC").duration(11_400_000)
    ('24 nov. 2026, 14:02:11 CET', '3 h 10')
    """

    def __init__(self, language: str, zone: str) -> None:
        self.t = Texts(language)
        self.language = language
        try:
            self.zone: ZoneInfo = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            self.zone = ZoneInfo("UTC")

    def when(self, at: int | None, seconds: bool = False) -> Markup | str:
        """An instant (milliseconds UTC) as a ``<time>`` with its zone; the exact one is in its title."""
        if at is None:
            return "–"
        exact = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(exact, exact, self.clock(at, seconds))

    def clock(self, at: int, seconds: bool = True) -> str:
        """An instant (milliseconds UTC) in words: day, time and zone."""
        local = datetime.fromtimestamp(at / 1000, self.zone)
        return f"{self.day_of(local)}, {local.strftime('%H:%M:%S' if seconds else '%H:%M')} {local.tzname()}"

    def day(self, at: int) -> str:
        """The day of an instant (milliseconds UTC) in the person's zone."""
        return self.day_of(datetime.fromtimestamp(at / 1000, self.zone))

    def day_of(self, local: datetime) -> str:
        """A day in words."""
        return f"{local.day} {MONTHS[self.language][local.month - 1]} {local.year}"

    def duration(self, ms: int) -> str:
        """A length of time, to two units: ``3 h 10``, ``2 d 4 h``, ``45 s``."""
        day = "j" if self.language == "fr" else "d"
        ms = abs(ms)
        if ms >= DAY:
            days, rest = divmod(ms, DAY)
            hours = rest // HOUR
            return f"{days}{WIDE}{day}" + (f"{WIDE}{hours}{WIDE}h" if hours and days < 10 else "")
        if ms >= HOUR:
            hours, rest = divmod(ms, HOUR)
            return f"{hours} h {rest // MINUTE:02}".replace(" ", WIDE) if self.language == "fr" else f"{hours} h {rest // MINUTE:02}"
        if ms >= MINUTE:
            return f"{ms // MINUTE}{WIDE}min"
        return f"{ms // 1000}{WIDE}s"

    def number(self, value: int | float) -> str:
        """A number with its digits grouped."""
        text = f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
        text = text.replace("-", "−")
        return text.translate({ord(","): NARROW, ord("."): ","}) if self.language == "fr" else text

    def money(self, cents: int, whole: bool = False) -> str:
        """Cents as euros; ``whole`` leaves the cents out, rounding half up."""
        sign, cents = ("−" if cents < 0 else ""), abs(cents)
        euros = f"{(cents + 50) // 100:,}" if whole else f"{cents // 100:,}.{cents % 100:02}"
        if self.language == "fr":
            return sign + euros.translate({ord(","): NARROW, ord("."): ","}) + WIDE + "€"
        return f"{sign}€{euros}"

    def percent(self, part: int, whole: int) -> str:
        """A share, rounded to a whole percent; a dash of nothing."""
        if not whole:
            return "–"
        return f"{round(100 * part / whole)}{NARROW if self.language == 'fr' else ''}%"

    def unit(self, unit: str) -> str:
        """A measure's unit; one that no text has stays as it is.

        >>> Words("fr", "UTC").unit("attempts/24h"), Words("en", "UTC").unit("parsecs/14d")
        ('tentatives/24 h', 'parsecs/14 days')
        """
        what, slash, per = unit.partition("/")
        word = self.t(f"units.{what.replace(' ', '_')}") if self.t.has(f"units.{what.replace(' ', '_')}") else what
        if not slash:
            return word
        return f"{word}/{self.t(f'units.per.{per}') if self.t.has(f'units.per.{per}') else per}"

    def known(self, table: str, word: str) -> str:
        """A word of the wire by its text below ``table``; one that has none stays as it is.

        >>> Words("fr", "UTC").known("review.types", "desk_phone"), Words("fr", "UTC").known("review.types", "<b>")
        ('téléphone de bureau', '<b>')
        """
        return self.t(f"{table}.{word}") if self.t.has(f"{table}.{word}") else word

    def stamp(self, text: str) -> Markup | str:
        """An instant as on the wire (RFC 3339), with seconds; what is none stays as it is."""
        try:
            return self.when(parse_time(text), seconds=True)
        except ValueError:
            return text

    def watch(self, alert: Alert) -> str:
        """What an alert's watch has come to, in words; empty when its last decision was none."""
        if alert.status == "watch" and alert.watch_until is None:
            return self.t("review.watching")
        key = {"watch": "watching_until", "expired": "watched_until", "reraised": "watched_less"}.get(alert.status)
        if key is None or alert.watch_until is None:
            return ""
        # It ends with the day: the instant is the next one's first.
        return self.t(f"review.{key}", day=self.day(alert.watch_until - 1))

    def event(self, entry: Entry) -> str:
        """Something that happened to an alert, in words."""
        t = self.t
        values = {name: value for name, value in entry.values.items() if isinstance(value, str | int)}
        for name in ("verdict", "action"):
            if name in values:
                values[name] = t(f"review.{name}.{values[name]}")
        if "language" in values:
            values["language"] = t(f"notice.in.{values['language']}")
        if "day" in values:
            values["day"] = self.day(int(values["day"]) - 1)
        if "restrictions" in entry.values:
            values["restrictions"] = ", ".join(t(f"review.restriction.{one}") for one in entry.values["restrictions"])
        if "level" in values:
            values["level"] = t(f"queue.levels.{values['level']}")
            values["state"] = t(f"review.state.{values['state']}")
        return t(f"review.event.{entry.what}", who=entry.who, **values)

    def valued(self, kind: str, value: str | None) -> str:
        """A value by what it is a value of: a rule, a level, an offered step; others stay as they are."""
        if value is None:
            return ""
        if kind == "rule":
            return self.rule(value)
        key = {"level": "queue.levels", "offer": "bulk.offer"}.get(kind)
        return self.t(f"{key}.{value}") if key else value

    def rule(self, rule: str) -> str:
        """A rule's name; its id when no text has one (a rule of a package of its own)."""
        return self.t(f"rules.{rule}") if self.t.has(f"rules.{rule}") else rule
