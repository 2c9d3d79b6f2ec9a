"""Asterisk as a target: AstDB, channels and contacts by AMI (``pbx/asterisk/extensions-vigie.conf`` asks the table).

The table is AstDB's family ``vigie``: key the AoR, value as ``pbx.kamailio.table`` writes it; it survives a restart. Calls are found
by the channel variables ``VIGIE_AOR``, ``VIGIE_CLASS`` and ``VIGIE_E164`` that the dial plan sets; an emergency call has no
``VIGIE_AOR``. Tested against a stand-in only: see ``docs/pbx/asterisk-enforcement.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from urllib.parse import urlsplit

from pbx.bridge.connection import WINDOW, Connection
from pbx.bridge.orders import complain, foreign, given, is_key, known, numbers, secret, sendable
from pbx.bridge.target import Entry, TargetError
from pbx.gate import refused_by
from pbx.kamailio.table import decode, encode

FAMILY = "vigie"
SYNC = "vigie_sync"
CLASSES = "vigie_class"
#: Where PJSIP keeps its contacts: key ``<aor>;@<hash of the URI>``.
CONTACTS = "registrar/contact"
VARIABLES = ("VIGIE_AOR", "VIGIE_CLASS", "VIGIE_E164")
#: Q.850 "call rejected"; PJSIP makes 403 of it.
CAUSE = "21"
#: Asterisk drops a longer line with a warning in its log and no answer (manager.c reads into 1,024 bytes).
LONGEST_LINE = 1000

#: What separates parts of keys, values and dial plan lines.
_MARKS = "/|;,"

Message = dict[str, list[str]]
Action = tuple[tuple[str, str], ...]


def connect(url: str, **options: str) -> Asterisk:
    """An Asterisk by its manager interface.

    Args:
        url: ``ami://HOST:5038``.
        options: ``user`` and ``secret_file`` (or ``secret``) of ``manager.conf``; ``domain``: endpoint ``alice`` is the AoR
            ``alice@<domain>``, as for the event adapter; ``numbers``: a JSON export of number classes, put at each resync.

    Raises:
        TargetError: the address is none, or an option is missing or not known.
    """
    known(options, ("user", "secret", "secret_file", "domain", "numbers"), "Asterisk")
    parts = urlsplit(url)
    if parts.scheme != "ami" or not parts.hostname or parts.username:
        raise TargetError(
            f"{url!r} is no address of Asterisk's manager interface; write ami://HOST:5038, with user and secret_file as options"
        )
    if not options.get("user") or not options.get("domain"):
        raise TargetError("Asterisk needs user=NAME of manager.conf, and domain=DOMAIN that makes AoRs of its endpoints' names")
    return Asterisk(
        Manager(parts.hostname, parts.port or 5038, options["user"], secret(options, "Asterisk")), options["domain"], numbers(options)
    )


class Asterisk:
    """One Asterisk; see ``pbx.bridge.target.Target`` for what each method promises.

    Args:
        manager: the connection.
        domain: of its endpoints' AoRs.
        classes: what ``numbers`` gives.
    """

    def __init__(self, manager: Manager, domain: str, classes: dict[str, str]) -> None:
        self._classes = classes
        self._manager = manager
        self._domain = domain.lower()

    def table(self) -> dict[str, Entry]:
        """AstDB's family."""
        found = {}
        for key, value in self._family(FAMILY):
            if not is_key(key, _MARKS):
                continue
            try:
                found[key] = decode(key, value)
            except TargetError:
                found[key] = foreign(key)
        return found

    def put(self, entries: Iterable[Entry]) -> None:
        """``DBPut`` each; those that cannot be written are named when all others stand."""
        orders, wrong = sendable(entries, _stored)
        complain([*self._each("DBPut", orders), *wrong])

    def drop(self, aors: Iterable[str]) -> None:
        """``DBDel`` each; one that is not there is success."""
        keys, wrong = sendable(aors, _key)
        complain([*self._delete(FAMILY, keys), *wrong])

    def end_calls(self, entry: Entry) -> int:
        """``Hangup`` of each channel whose call the gate would refuse now; calls are counted, not their legs."""
        aor, calls = given(entry.aor), set()
        status, events = self._manager.listed("Status", (("Variables", ",".join(VARIABLES)),), "StatusComplete")
        _agreed("Status", status)
        for event in events:
            said = _variables(event)
            if event["Event"] != ["Status"] or said.get("VIGIE_AOR", "").lower() != aor:
                continue
            if not refused_by(entry, "call", said.get("VIGIE_CLASS", ""), said.get("VIGIE_E164", "")):
                continue
            name = _one(event, "Channel")
            if not name or name.startswith("/"):
                # Asterisk takes a name between slashes for a regular expression, and "/./" is every channel.
                raise TargetError(f"Asterisk lists a channel named {name!r}; no Hangup is sent for it")
            answer = self._manager.action("Hangup", (("Channel", name), ("Cause", CAUSE)))
            if _one(answer, "Response") == "Success":
                calls.add(_one(event, "Linkedid") or _one(event, "Uniqueid") or name)
            elif "No such channel" not in _one(answer, "Message"):
                raise TargetError(f"Asterisk refused Hangup of {name}: {_one(answer, 'Message')}")
        return len(calls)

    def remove_contacts(self, aor: str) -> int:
        """``DBDel`` the contacts of the endpoint; another domain's AoR has none here."""
        user, _, domain = _key(aor).partition("@")
        names = {aor, user} if domain == self._domain else {aor}
        keys = [key for key, _ in self._family(CONTACTS) if key.partition(";@")[0].lower() in names]
        complain(self._delete(CONTACTS, keys))
        return len(keys)

    def generation(self) -> str:
        """When it started, and whether the sentinel stands."""
        status = _agreed("CoreStatus", self._manager.action("CoreStatus"))
        state = self._get(SYNC, "state") or "gone"
        return f"{_one(status, 'CoreStartupDate')} {_one(status, 'CoreStartupTime')} {state}"

    def complete(self) -> None:
        """Put the number classes that are not there yet, then set the sentinel."""
        if self._classes:
            there = dict(self._family(CLASSES))
            new = [(one, cls) for one, cls in self._classes.items() if there.get(one) != cls]
            complain(self._each("DBPut", [(("Family", CLASSES), ("Key", one), ("Val", cls)) for one, cls in new]))
            complain(self._delete(CLASSES, [one for one in there if one not in self._classes]))
        complain(self._each("DBPut", [(("Family", SYNC), ("Key", "state"), ("Val", "live"))]))

    def close(self) -> None:
        """Let go of the connection."""
        self._manager.close()

    def _family(self, family: str) -> Iterator[tuple[str, str]]:
        answer, events = self._manager.listed("DBGetTree", (("Family", family),), "DBGetTreeComplete")
        if _one(answer, "Response") != "Success" and "nvalid/unknown command" in _one(answer, "Message"):
            raise TargetError("this Asterisk has no DBGetTree; it needs 16.28, 18.14, 19.6, 20 or newer")
        _agreed(f"DBGetTree of {family}", answer)
        start = f"/{family}/"
        for event in events:
            key = _one(event, "Key")
            if event["Event"] == ["DBGetTreeResponse"] and key.startswith(start) and len(key) > len(start):
                yield key.removeprefix(start), _one(event, "Val")

    def _get(self, family: str, key: str) -> str:
        answer, events = self._manager.listed("DBGet", (("Family", family), ("Key", key)), "DBGetComplete")
        if _one(answer, "Response") != "Success":
            return ""
        return next((_one(event, "Val") for event in events if event["Event"] == ["DBGetResponse"]), "")

    def _delete(self, family: str, keys: list[str]) -> list[str]:
        orders: list[Action] = [(("Family", family), ("Key", given(key, "key"))) for key in keys]
        answers = self._manager.actions("DBDel", orders)
        # Versions answer differently to one that is not there, and none says why it failed: look.
        left = [key for key, answer in zip(keys, answers, strict=True) if _one(answer, "Response") != "Success" and self._get(family, key)]
        return [f"Asterisk did not delete {family}/{key}" for key in left]

    def _each(self, name: str, orders: list[Action]) -> list[str]:
        answers = zip(orders, self._manager.actions(name, orders), strict=True)
        return [
            f"Asterisk refused {name} of {order}: {_one(one, 'Message')}" for order, one in answers if _one(one, "Response") != "Success"
        ]


class Manager(Connection):
    """A connection to AMI.

    Args:
        host: name or address.
        port: usually 5038.
        user: of ``manager.conf``; needs ``write = system,call,reporting``.
        password: of that user.
    """

    def __init__(self, host: str, port: int, user: str, password: str) -> None:
        super().__init__("Asterisk", host, port)
        self._user, self._password = user, password
        self._last = 0

    def action(self, name: str, parts: Action = ()) -> Message:
        """Send one action and give its answer."""
        return self.actions(name, [parts])[0]

    def actions(self, name: str, orders: list[Action]) -> list[Message]:
        """Send many of one kind and give their answers, in order.

        Raises:
            TargetError: a part is empty or would begin another action, or the connection broke.
        """
        raw = [_written(name, parts) for parts in orders]
        answers: list[Message] = []
        for start in range(0, len(raw), WINDOW):
            window = raw[start : start + WINDOW]
            answers += self._talk(name, partial(self._through, window))
        return answers

    def listed(self, name: str, parts: Action, last: str) -> tuple[Message, list[Message]]:
        """Send an action that answers with a list: its answer and its events.

        Args:
            name: of the action.
            parts: its headers.
            last: name of the event that ends the list.
        """
        raw = _written(name, parts)
        return self._talk(name, lambda: self._list(raw, last))

    def _through(self, window: list[bytes]) -> list[Message]:
        return [self._answer(number) for number in self._order(window)]

    def _list(self, raw: bytes, last: str) -> tuple[Message, list[Message]]:
        [number] = self._order([raw])
        answer = self._answer(number)
        events: list[Message] = []
        while _one(answer, "Response") == "Success":
            message = self._read()
            if message.get("ActionID") == [number] and "Event" in message:
                if message["Event"] == [last]:
                    break
                events.append(message)
        return answer, events

    def _greet(self) -> None:
        banner = self._line()
        if not banner.startswith("Asterisk Call Manager"):
            raise ValueError(f"it greets with {banner[:60]!r}")
        [number] = self._order([_written("Login", (("Username", self._user), ("Secret", self._password), ("Events", "off")))])
        answer = self._answer(number)
        if _one(answer, "Response") != "Success":
            raise ValueError(f"it refused the login of {self._user}: {_one(answer, 'Message')}")

    def _order(self, raw: list[bytes]) -> list[str]:
        numbers = []
        for _ in raw:
            self._last += 1
            numbers.append(f"vigie-{self._last}")
        self._send(b"".join(b"%bActionID: %b\r\n\r\n" % (one, n.encode()) for one, n in zip(raw, numbers, strict=True)))
        return numbers

    def _answer(self, number: str) -> Message:
        while True:
            message = self._read()
            if message.get("ActionID") == [number] and "Response" in message:
                return message

    def _read(self) -> Message:
        message: Message = {}
        while line := self._line():
            name, _, value = line.partition(":")
            message.setdefault(name, []).append(value.removeprefix(" "))
        return message


def _written(name: str, parts: Action) -> bytes:
    lines = [f"Action: {name}"]
    for header, value in parts:
        if not value.strip() or not value.isprintable():
            raise TargetError(f"an {name} with {header} {value!r} is never sent")
        lines.append(f"{header}: {value}")
        if len(lines[-1].encode()) > LONGEST_LINE:
            raise TargetError(f"{lines[-1][:60]}… is longer than Asterisk reads; shorten the lists of prefixes and numbers")
    return "".join(f"{line}\r\n" for line in lines).encode()


def _stored(entry: Entry) -> Action:
    order = (("Family", FAMILY), ("Key", _key(entry.aor)), ("Val", encode(entry)))
    _written("DBPut", order)
    return order


def _key(aor: str) -> str:
    return given(aor, without=_MARKS)


def _one(message: Message, name: str) -> str:
    return message.get(name, [""])[0]


def _agreed(what: str, answer: Message) -> Message:
    if _one(answer, "Response") != "Success":
        raise TargetError(f"Asterisk refused {what}: {_one(answer, 'Message')}; has the manager user write = system,call,reporting?")
    return answer


def _variables(event: Message) -> dict[str, str]:
    """Variables of a channel; Asterisk writes ``(null)`` for one that is not set."""
    pairs = (line.partition("=") for line in event.get("Variable", ()))
    return {name: "" if value == "(null)" else value for name, _, value in pairs}
