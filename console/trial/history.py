"""Which recorded events a change of policy is tried on, how far back they go, and which rules they can say nothing about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from console.trial.live import Log
from detectors.days import DAY
from detectors.errors import VigieError
from detectors.events import Call, Message, Registration
from detectors.policy import Policy
from detectors.registry import installed
from detectors.rule import Detector, Params
from streams.sources import STDIN, Dialect, Input, Reader, resolve
from streams.times import parse_time
from streams.wire import Wire

#: Records at the beginning of a file among which its first call or registration is looked for: a thousand customers' facts may
#: come first.
LOOKED_THROUGH = 5_000
#: Lines at the end of a file among which its last event is looked for.
KEPT_LINES = 100
#: Policies that the console itself wrote would take over from the one that is tried.
CONTROL = "control.jsonl"


@dataclass(frozen=True)
class History:
    """Events to judge again.

    Attributes:
        inputs: the files that are there.
        missing: files that the run read and that are gone.
        first: time of the first call, registration or message in milliseconds; none when nothing was found.
        last: time of the last event.
        period: ``--from``, ``--to`` and ``--until`` of the run, in milliseconds.
        coverage: per PBX, as in ``summary.json``; empty when no run told.
        located: whether there is a country database.
        log: the broker's log, in a live console; there are no files then.
    """

    inputs: tuple[Input, ...]
    missing: tuple[str, ...]
    first: int | None
    last: int | None
    period: tuple[int | None, int | None, int | None]
    coverage: dict[str, Any]
    located: bool
    log: Log | None = None

    @property
    def days(self) -> int:
        """Whole days from the first event to the last."""
        return (self.last - self.first) // DAY if self.first is not None and self.last is not None else 0

    @property
    def known_days(self) -> int | None:
        """Whole days that a rule can look back; none: as many as detection itself.

        Of a range of the log those before it, for all of the range is judged; of files all, for they are all there is.
        """
        if self.log is None:
            return self.days
        known = self.log.known_from
        return None if known is None else max(0, self.log.since - known) // DAY


@dataclass(frozen=True)
class NotCovered:
    """Why history says nothing about a rule: ``window`` (it looks back ``days``), or ``sources`` (nobody told ``needs``)."""

    why: str
    days: int = 0
    needs: tuple[str, ...] = ()


def history_of(summary: dict[str, Any] | None, given: Sequence[str], sources: dict[str, Any], located: bool) -> History:
    """The history: files that were given, or else those that the run named.

    Args:
        summary: ``summary.json`` of the run that was loaded.
        given: ``FILE``, a directory, or ``FILE=NAME`` with the name of a ``[sources.NAME]`` table.
        sources: the policy's ``[sources]``.
        located: whether there is a country database.

    Raises:
        VigieError: a file that was given cannot be used.
    """
    summary = summary or {}
    if given:
        pairs = [_pair(one) for one in given]
        found = resolve([path for path, _ in pairs], {path: name for path, name in pairs if name}, sources)
        ends = [_last(one.path, _stamp(one.path)) for one in found if not one.source]
        last = max((at for at in ends if at is not None), default=None)
        return History(tuple(found), (), _first_of(found, sources), last, (None, None, None), {}, located)
    named = [one for one in summary.get("inputs", []) if Path(one["path"]).name != CONTROL]
    there = [Input(one["path"], one["source"] or "") for one in named if Path(one["path"]).is_file()]
    gone = tuple(one["path"] for one in named if one["path"] == STDIN or not Path(one["path"]).is_file())
    period = summary.get("period", {})
    since, before, until = (_time(period.get(name)) for name in ("from", "to", "until"))
    first = _first_of(there, sources)
    if first is not None and since is not None:
        first = max(first, since)
    return History(tuple(there), gone, first, _time(period.get("last_event")), (since, before, until), summary.get("coverage", {}), located)


def history_of_log(log: Log, now: int) -> History:
    """A range of the log as a history. What each PBX tells is no part of the log: nothing is taken for untold."""
    return History((), (), log.since if log.first is not None else None, now, (None, None, None), {}, True, log)


def _pair(text: str) -> tuple[str, str]:
    path, equals, name = text.rpartition("=")
    return (path, name) if equals and not Path(text).exists() else (text, "")


def _time(text: str | None) -> int | None:
    return parse_time(text) if text else None


def _first_of(inputs: Sequence[Input], sources: dict[str, Any]) -> int | None:
    known = [one for one in inputs if not one.source or one.source in sources]
    # As text, which a cache can take for a key.
    found = [_first(one, _stamp(one.path), json.dumps(sources, default=str)) for one in known]
    return min((at for at in found if at is not None), default=None)


def _stamp(path: str) -> tuple[int, int]:
    facts = Path(path).stat()
    return facts.st_mtime_ns, facts.st_size


@cache
def _first(one: Input, _: tuple[int, int], sources: str) -> int | None:
    """Time of the first usage in a file: files of a PBX are written as things happen."""
    seen = 0
    try:
        dialect = Dialect(one.source, json.loads(sources), lambda _: True)
        for block in Reader(one.path, dialect.framing).blocks():
            for line in block:
                seen += 1
                try:
                    events = dialect.adapted(line) if dialect.decode is None else [dialect.decode(line)] if line.strip() else []
                except VigieError:
                    continue
                for event in events:
                    if isinstance(event, Call | Registration | Message):
                        return event.time
            if seen > LOOKED_THROUGH:
                return None
    except VigieError:
        return None
    return None


@cache
def _last(path: str, _: tuple[int, int]) -> int | None:
    """Time of the last event of a file of contract lines."""
    decode = Wire().decode
    last: list[bytes] = []
    for block in Reader(path).blocks():
        last = [*last[-KEPT_LINES:], *block]
    for line in reversed(last):
        try:
            return decode(line).time
        except VigieError:
            continue
    return None


def not_covered(rule: Detector[Any, Any], params: Params, history: History) -> NotCovered | None:
    """Why a rule's silence on this history would say nothing; none when it would."""
    unseen = {need for need in rule.needs if history.coverage and all(row.get(need) == "none" for row in history.coverage.values())}
    dark = [need for need in rule.needs if need in unseen or (need == "location" and not history.located)]
    if dark and len(dark) == len(rule.needs):
        return NotCovered("sources", needs=tuple(dark))
    days, known = window_days(rule.rule, params), history.known_days
    return NotCovered("window", days=days) if known is not None and known < days else None


def not_covered_under(history: History, *bodies: dict[str, Any]) -> dict[str, NotCovered]:
    """Rules about which a history says nothing, under one of some policies: each may make a rule look back further."""
    found = {}
    for params in (Policy(body, installed()).merged("", "").rules for body in bodies):
        for name, rule in installed().items():
            if (why := not_covered(rule, params[name], history)) is not None:
                found[name] = why
    return found


def window_days(rule: str, params: Params) -> int:
    """How many days a rule looks back at most, under these params.

    >>> from detectors.registry import installed
    >>> [window_days(name, installed()[name].Params()) for name in ("abroad-stay", "abroad-total", "long-call")]
    [61, 365, 1]
    """
    named = [value for key in ("window_days", "tenant_window_days", "memory_days") if isinstance(value := getattr(params, key, None), int)]
    if rule == "abroad-stay" and getattr(params, "reading", "stay") == "stay":
        named = [int(getattr(params, "breach_days", 1))]
    return max([FIXED_WINDOWS.get(rule, 1), *named])


#: Windows that are no keys of the policy, in days: the contract's months, and what the rules' own measures run over.
FIXED_WINDOWS = {
    "account-takeover": 30,
    "autodial": 30,
    "call-centre": 30,
    "gateway": 7,
    "harassment": 14,
    "licence-sharing": 30,
    "many-destinations": 30,
    "paid-destination": 30,
}
