"""Kamailio as a target: its htable, dialogs and registrations by JSON-RPC (5.6; ``pbx/kamailio/vigie-gate.cfg`` asks the table).

Two doors: HTTP for answers of any size, and optionally the datagram socket of ``jsonrpcs`` for everything small, at a tenth of the
time. The whole table (1.8 MB for 10,000 entries) does not fit a datagram, so HTTP is needed. Both can do anything to a Kamailio: on
the loopback address, and nowhere else.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from pbx.bridge.target import Entry, TargetError
from pbx.gate import refused_by
from pbx.kamailio.table import decode, encode

#: A Kamailio that has not answered by then hangs, seconds. It answers in a millisecond, a table of 10,000 in 0.3 s.
ANSWER_S = 2.0
TABLE = "suspended"
#: Dialogs of callers; emergency calls are never in it.
PROFILE = "caller"
#: Dialog states of Kamailio: 1 and 2 ring, 3 and 4 are answered, 5 is over and still listed for some seconds.
_RINGING, _ANSWERED = (1, 2), (3, 4)
_LARGEST_DATAGRAM = 65_536
#: Orders on their way at once: Linux queues ten datagrams a socket by default, and Kamailio's answers wait in ours.
AT_ONCE = 8
#: What ``htable.delete`` says of a key that is not there, ``dlg.end_dlg`` of a call that is over.
_NOT_FOUND = 404
#: What ``tm.cancel`` says of one that is over (5.6).
_NO_TRANSACTION = 400
#: What ``htable.get`` and ``ul.lookup`` say of one (5.6).
_NO_KEY = 500


def connect(url: str, **options: str) -> Kamailio:
    """A Kamailio by its JSON-RPC address.

    Args:
        url: such as ``http://127.0.0.1:5088/rpc``.
        options: ``socket``: path of the datagram socket (``modparam("jsonrpcs", "dgram_socket", …)``); ``location``: usrloc's table.

    Raises:
        TargetError: the address is none, or an option is not known.
    """
    unknown = sorted(options.keys() - {"socket", "location"})
    if unknown:
        raise TargetError(f"Kamailio has no option {', '.join(unknown)}; there are socket and location")
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or not parts.port:
        raise TargetError(f"{url!r} is no address of Kamailio's JSON-RPC; write http://HOST:PORT/rpc (the xhttp module's)")
    return Kamailio(parts.hostname, parts.port, parts.path or "/", options.get("socket", ""), options.get("location", "location"))


class Kamailio:
    """One Kamailio; see ``pbx.bridge.target.Target`` for what each method promises."""

    def __init__(self, host: str, port: int, path: str, dgram: str = "", location: str = "location") -> None:
        self._http: http.client.HTTPConnection | None = None
        self._place = (host, port, path)
        self._dgram_path = dgram
        self._dgram: socket.socket | None = None
        self._location = location
        self._last = 0

    # -- Target ---------------------------------------------------------------------------------------------------------------

    def table(self) -> dict[str, Entry]:
        """The htable, less keys that begin with ``__`` (an operator's own)."""
        found = {}
        for slot in self._result("htable.dump", TABLE, big=True) or []:
            for item in slot.get("slot", ()):
                aor = item["name"]
                if not aor.startswith("__"):
                    found[aor] = _read(aor, str(item["value"]))
        return found

    def put(self, entries: Iterable[Entry]) -> None:
        """Set each; those that cannot be written are named when all others stand."""
        wrong, orders = [], []
        for entry in entries:
            try:
                # As texts, or "1001" would become a number.
                orders.append((TABLE, _given(entry.aor), encode(entry)))
            except TargetError as error:
                wrong.append(str(error))
        self._many("htable.sets", orders)
        if wrong:
            raise TargetError("; ".join(wrong[:3]) + (f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""))

    def drop(self, aors: Iterable[str]) -> None:
        """Delete each; "not found" is success."""
        self._many("htable.delete", [(TABLE, _given(aor)) for aor in aors], but=_NOT_FOUND)

    def end_calls(self, entry: Entry) -> int:
        """BYE to answered calls, CANCEL to ringing ones, if the gate would refuse them now.

        ``dlg.end_dlg`` on a ringing call answers success and does nothing, so that one is cancelled; if it is answered in this very
        moment the gate asks again at the ACK.
        """
        # Most have no call: asked by datagram, that takes a tenth of the time of the list.
        if not self._result("dlg.profile_get_size", PROFILE, _given(entry.aor)):
            return 0
        ended = 0
        for dialog in self._result("dlg.profile_list", PROFILE, entry.aor, big=True) or []:
            said = _variables(dialog)
            cls = said.get("vigie_class", "")
            # One that does not say what it is could be an emergency call that somebody else's script put into the profile.
            if not cls or not refused_by(entry, "call", cls, said.get("vigie_e164", "")):
                continue
            if dialog["state"] in _ANSWERED:
                # Over in the meantime is success.
                self._result("dlg.end_dlg", dialog["h_entry"], dialog["h_id"], but=_NOT_FOUND)
                ended += 1
            elif dialog["state"] in _RINGING:
                answer = self._call("tm.cancel", dialog["call-id"], str(dialog["caller"]["cseq"]))
                ended += _cancelled(answer)
        return ended

    def remove_contacts(self, aor: str) -> int:
        """Drop the registrations of an AoR."""
        contacts = self._result("ul.lookup", self._location, _given(aor), but=_NO_KEY)
        count = len(contacts.get("Contacts", ())) if isinstance(contacts, Mapping) else 0
        self._result("ul.rm", self._location, aor, but=_NOT_FOUND)
        return count

    def generation(self) -> str:
        """When it started, and whether the sentinel stands: either changes with a restart."""
        started = self._result("core.uptime")["up_since"]
        sentinel = self._result("htable.get", "sync", "state", but=_NO_KEY)
        state = sentinel["item"]["value"] if isinstance(sentinel, Mapping) else "gone"
        return f"{started} {state}"

    def complete(self) -> None:
        """Set the sentinel: a gate that fails closed opens."""
        self._result("htable.sets", "sync", "state", "live")

    def close(self) -> None:
        """Let go of both connections."""
        if self._http is not None:
            self._http.close()
            self._http = None
        if self._dgram is not None:
            self._dgram.close()
            self._dgram = None

    # -- JSON-RPC -------------------------------------------------------------------------------------------------------------

    def _many(self, method: str, orders: Sequence[tuple[str, ...]], but: int = 0) -> None:
        """The same command for many, some on their way at a time.

        Raises:
            TargetError: as ``_result``, after those that were on their way.
        """
        at_once = AT_ONCE if self._dgram_path else 1
        for first in range(0, len(orders), at_once):
            bodies = [self._body(method, parameters) for parameters in orders[first : first + at_once]]
            for answer in self._answers(bodies, method, big=False):
                self._read_answer(answer, method, but)

    def _result(self, method: str, *parameters: Any, big: bool = False, but: int = 0) -> Any:
        """What a command answers; ``None`` when it fails with the code ``but``.

        Raises:
            TargetError: it fails otherwise, or nothing answers.
        """
        return self._read_answer(self._call(method, *parameters, big=big), method, but)

    def _read_answer(self, answer: dict[str, Any], method: str, but: int) -> Any:
        if "result" in answer:
            return answer["result"]
        error = answer.get("error") or {}
        if but and error.get("code") == but:
            return None
        raise TargetError(f"Kamailio refused {method}: {error.get('message', answer)} (code {error.get('code')}); is its module loaded?")

    def _call(self, method: str, *parameters: Any, big: bool = False) -> dict[str, Any]:
        return self._answers([self._body(method, parameters)], method, big)[0]

    def _body(self, method: str, parameters: Sequence[Any]) -> bytes:
        self._last += 1
        return json.dumps({"jsonrpc": "2.0", "id": self._last, "method": method, "params": parameters}).encode()

    def _answers(self, bodies: list[bytes], method: str, big: bool) -> list[dict[str, Any]]:
        small = bool(self._dgram_path) and not big
        try:
            raws = self._by_datagram(bodies) if small else [self._by_http(body) for body in bodies]
            answers = [json.loads(raw.decode("utf-8", "replace")) for raw in raws]
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            door = self._dgram_path if small else "{}:{}".format(*self._place[:2])
            raise TargetError(f"Kamailio did not answer {method} at {door} ({error or type(error).__name__}); does it run?") from error
        for answer in answers:
            if not isinstance(answer, dict):
                raise TargetError(f"Kamailio answered {method} with {str(answer)[:100]!r}, which is no JSON-RPC")
        return answers

    def _by_http(self, body: bytes) -> bytes:
        # A connection that Kamailio closed while it lay idle fails once; orders may be repeated.
        for fresh in (self._http is None, True):
            if self._http is None:
                self._http = http.client.HTTPConnection(*self._place[:2], timeout=ANSWER_S)
            try:
                self._http.request("POST", self._place[2], body)
                # Errors come with status 500 and are JSON too.
                return self._http.getresponse().read()
            except (ConnectionError, http.client.HTTPException):
                self._http.close()
                self._http = None
                if fresh:
                    raise
        raise AssertionError

    def _by_datagram(self, bodies: list[bytes]) -> list[bytes]:
        if self._dgram is None:
            self._dgram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            # A name without a file, given by Linux: nothing to clean up after kill -9.
            self._dgram.bind("")
            self._dgram.settimeout(ANSWER_S)
            self._dgram.connect(self._dgram_path)
        for body in bodies:
            self._dgram.send(body)
        answers = []
        for number in range(self._last - len(bodies) + 1, self._last + 1):
            answer = b""
            # One process of Kamailio answers in turn; one that comes after its question was given up belongs to nobody.
            while b'"id":%d}' % number not in answer[-32:].replace(b" ", b""):
                answer = self._dgram.recv(_LARGEST_DATAGRAM)
            answers.append(answer)
        return answers


def _given(aor: str) -> str:
    if not aor:
        raise TargetError("an order without an AoR is never sent")
    return aor


def _read(aor: str, value: str) -> Entry:
    try:
        return decode(aor, value)
    except TargetError:
        # Written by somebody else: it equals nothing that is wanted, so the repair replaces it.
        return Entry(aor=aor, decision_id="", customer_code="", restrictions=("outgoing",))


def _variables(dialog: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for pair in dialog.get("variables") or () for name, value in pair.items()}


def _cancelled(answer: Mapping[str, Any]) -> int:
    """1 when a ringing call was cancelled, 0 when it was over; "branches remaining" means that its end is on the way."""
    error = answer.get("error") or {}
    return 0 if error.get("code") == _NO_TRANSACTION else 1
