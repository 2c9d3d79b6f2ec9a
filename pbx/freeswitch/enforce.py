"""FreeSWITCH as a target: mod_hash, channels and registrations by ESL (``pbx/freeswitch/vigie-gate.lua`` asks the table).

The table is the realm ``vigie`` of mod_hash, which is memory: key the AoR, value as ``pbx.kamailio.table`` writes it. Calls are
found by the channel variables ``vigie_aor``, ``vigie_class`` and ``vigie_e164`` that the gate sets; an emergency call has no
``vigie_aor``. Tested against a stand-in only: see ``docs/pbx/freeswitch-enforcement.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from pbx.bridge.connection import WINDOW, Connection
from pbx.bridge.orders import complain, foreign, given, is_key, known, numbers, secret, sendable
from pbx.bridge.target import Entry, TargetError
from pbx.gate import refused_by
from pbx.kamailio.table import decode, encode

REALM = "vigie"
SYNC = "vigiesync"
CLASSES = "numclass"
#: Q.850 cause 21, which makes 403 of a call that rings.
CAUSE = "CALL_REJECTED"
_VARIABLES = ("vigie_aor", "vigie_class", "vigie_e164")
#: What separates or quotes parts in ``hash insert/realm/key/value`` and in API lines.
_MARKS = "/'\"\\$`"
#: What separates parts of our own values.
_SPLIT = "|,"


def connect(url: str, **options: str) -> FreeSwitch:
    """A FreeSWITCH by its event socket.

    Args:
        url: ``esl://HOST:8021``.
        options: ``secret_file`` (or ``secret``): the password of ``event_socket.conf``; ``profiles``: the SIP profiles that phones
            register at, separated by commas (``internal``); ``numbers``: a JSON export of number classes, put at each resync.

    Raises:
        TargetError: the address is none, or an option is missing or not known.
    """
    known(options, ("secret", "secret_file", "profiles", "numbers"), "FreeSWITCH")
    parts = urlsplit(url)
    if parts.scheme != "esl" or not parts.hostname or parts.username:
        raise TargetError(f"{url!r} is no address of FreeSWITCH's event socket; write esl://HOST:8021, with secret_file as an option")
    profiles = [given(one.strip(), "SIP profile", without=_MARKS) for one in options.get("profiles", "internal").split(",")]
    return FreeSwitch(EventSocket(parts.hostname, parts.port or 8021, secret(options, "FreeSWITCH")), profiles, numbers(options))


class FreeSwitch:
    """One FreeSWITCH; see ``pbx.bridge.target.Target`` for what each method promises.

    Args:
        socket: the connection.
        profiles: SIP profiles that phones register at.
        classes: what ``numbers`` gives.
    """

    def __init__(self, socket: EventSocket, profiles: list[str], classes: dict[str, str]) -> None:
        self._socket = socket
        self._classes = classes
        self._profiles = profiles

    def table(self) -> dict[str, Entry]:
        """The realm, from ``hash_dump``."""
        found = {}
        # It lists every key that holds the realm's name anywhere: "D/<realm>_<key>/<value>".
        start = f"D/{REALM}_"
        for line in self._socket.api(f"hash_dump db {REALM}").splitlines():
            aor, slash, value = line.removeprefix(start).partition("/")
            if line.startswith(start) and slash and is_key(aor, _MARKS + _SPLIT):
                try:
                    found[aor] = decode(aor, value)
                except TargetError:
                    found[aor] = foreign(aor)
        return found

    def put(self, entries: Iterable[Entry]) -> None:
        """``hash insert`` each; those that cannot be written are named when all others stand."""
        orders, wrong = sendable(entries, _stored)
        complain([*self._refused(orders), *wrong])

    def drop(self, aors: Iterable[str]) -> None:
        """``hash delete`` each; "not found" is success."""
        orders, wrong = sendable(aors, lambda aor: f"hash delete/{REALM}/{_key(aor)}")
        complain([*self._refused(orders, but="Not found"), *wrong])

    def end_calls(self, entry: Entry) -> int:
        """``uuid_kill`` of each incoming leg whose call the gate would refuse now; the other legs end with it."""
        aor = _key(entry.aor)
        rows = self._rows("show channels as json")
        uuids = [given(str(row.get("uuid", "")), "uuid", without=_MARKS) for row in rows if row.get("direction") == "inbound"]
        wanted = "|".join(f"${{{name}}}" for name in _VARIABLES)
        refused = []
        for uuid, answer in zip(uuids, self._socket.apis([f"eval uuid:{uuid} {wanted}" for uuid in uuids]), strict=True):
            said = answer.strip().split("|")
            if len(said) == len(_VARIABLES) and said[0].lower() == aor and refused_by(entry, "call", said[1], said[2]):
                refused.append(uuid)
        ended = 0
        for uuid, answer in zip(refused, self._socket.apis([f"uuid_kill {uuid} {CAUSE}" for uuid in refused]), strict=True):
            if answer.startswith("+OK"):
                ended += 1
            elif "No such channel" not in answer:
                raise TargetError(f"FreeSWITCH refused uuid_kill of {uuid}: {answer.strip()[:100]}")
        return ended

    def remove_contacts(self, aor: str) -> int:
        """``flush_inbound_reg`` of this AoR in each profile."""
        name = _key(aor)
        if "@" not in name:
            # It would be taken for a Call-ID.
            raise TargetError(f"FreeSWITCH knows registrations by user@domain, not by {name!r}")
        rows = self._rows("show registrations as json")
        count = sum(f"{row.get('reg_user', '')}@{row.get('realm', '')}".lower() == name for row in rows)
        for profile in self._profiles:
            answer = self._socket.api(f"sofia profile {profile} flush_inbound_reg {name}")
            if not answer.startswith("+OK"):
                raise TargetError(f"FreeSWITCH refused flush_inbound_reg of {name} in profile {profile}: {answer.strip()[:100]}")
        return count

    def generation(self) -> str:
        """The core's UUID, new at each start, and whether the sentinel stands: mod_hash can be reloaded alone."""
        core, state = self._socket.apis(["global_getvar core_uuid", f"hash select/{SYNC}/state"])
        return f"{core.strip()} {state.strip() or 'gone'}"

    def complete(self) -> None:
        """Put the number classes, then set the sentinel."""
        orders = [f"hash insert/{CLASSES}/{prefix}/{cls}" for prefix, cls in self._classes.items()]
        if orders:
            start = f"D/{CLASSES}_"
            there = [line.removeprefix(start).partition("/")[0] for line in self._socket.api(f"hash_dump db {CLASSES}").splitlines()]
            orders += [f"hash delete/{CLASSES}/{one}" for one in there if is_key(one, _MARKS) and one not in self._classes]
        complain(self._refused(orders, but="Not found"))
        complain(self._refused([f"hash insert/{SYNC}/state/live"]))

    def close(self) -> None:
        """Let go of the connection."""
        self._socket.close()

    def _refused(self, orders: list[str], but: str = "+OK") -> list[str]:
        answers = zip(orders, self._socket.apis(orders), strict=True)
        return [
            f"FreeSWITCH refused {order}: {said.strip()[:100]}" for order, said in answers if not said.startswith("+OK") and but not in said
        ]

    def _rows(self, order: str) -> list[dict[str, Any]]:
        said = self._socket.api(order)
        try:
            rows = json.loads(said).get("rows", [])
        except (ValueError, AttributeError) as error:
            raise TargetError(f"FreeSWITCH answered {order!r} with {said.strip()[:100]!r}, which is no list") from error
        return [row for row in rows if isinstance(row, dict)]


class EventSocket(Connection):
    """A connection to mod_event_socket.

    Args:
        host: name or address.
        port: usually 8021.
        password: of ``event_socket.conf``.
    """

    def __init__(self, host: str, port: int, password: str) -> None:
        super().__init__("FreeSWITCH", host, port)
        self._password = given(password, "password")

    def api(self, order: str) -> str:
        """Send one API command and give its answer."""
        return self.apis([order])[0]

    def apis(self, orders: list[str]) -> list[str]:
        """Send many and give their answers, in order.

        Raises:
            TargetError: an order is empty or holds a line end, or the connection broke.
        """
        for order in orders:
            if not order.strip() or not order.isprintable():
                raise TargetError(f"an order {order!r} is never sent")
        answers: list[str] = []
        for start in range(0, len(orders), WINDOW):
            window = orders[start : start + WINDOW]
            answers += self._talk(window[0].split()[0], partial(self._through, window))
        return answers

    def _through(self, window: list[str]) -> list[str]:
        self._send("".join(f"api {order}\n\n" for order in window).encode())
        return [self._answer("api/response") for _ in window]

    def _greet(self) -> None:
        self._answer("auth/request")
        self._send(f"auth {self._password}\n\n".encode())
        said = self._headers("command/reply").get("Reply-Text", "")
        if not said.startswith("+OK"):
            raise ValueError(f"it refused the password: {said}")

    def _answer(self, kind: str) -> str:
        return self._headers(kind)["body"]

    def _headers(self, kind: str) -> dict[str, str]:
        """The next message of a kind, its body among its headers; notices and events that come between are dropped."""
        while True:
            message: dict[str, str] = {}
            while line := self._line():
                name, _, value = line.partition(":")
                message[name] = value.strip()
            length = message.get("Content-Length", "0")
            message["body"] = self._bytes(int(length)).decode("utf-8", "replace")
            if message.get("Content-Type") == "text/disconnect-notice":
                raise ConnectionError("it hung up")
            if message.get("Content-Type") == "text/rude-rejection":
                raise ValueError("its access list refuses us")
            if message.get("Content-Type") == kind:
                return message


def _stored(entry: Entry) -> str:
    value = encode(entry)
    if any(mark in value for mark in _MARKS) or value != value.strip():
        raise TargetError(f"{entry.aor}: FreeSWITCH's hash cannot hold {value[:100]!r}")
    return f"hash insert/{REALM}/{_key(entry.aor)}/{value}"


def _key(aor: str) -> str:
    return given(aor, without=_MARKS + _SPLIT)
