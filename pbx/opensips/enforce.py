"""OpenSIPS 3 as a target: its local cache, dialogs and registrations by MI over HTTP (``pbx/opensips/vigie-gate.cfg`` asks the cache).

Key ``vigie:<aor>`` in ``cachedb_local``, value as ``pbx.kamailio.table`` writes it. The cache cannot be listed, so 256 keys
``vigie-index:<00–ff>`` name the AoRs that may be there; an AoR is in its index before it is in the cache, and longer. Calls are found
in the dialog profile ``caller``, with the dialog values ``vigie_class`` and ``vigie_e164``, as in Kamailio; an emergency call is not in
the profile. Tested against a stand-in only: see ``docs/pbx/opensips-enforcement.md``.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

from pbx.bridge.connection import ANSWER_S
from pbx.bridge.orders import complain, foreign, given, is_key, known, numbers, sendable
from pbx.bridge.target import Entry, TargetError
from pbx.gate import refused_by
from pbx.kamailio.table import decode, encode

SYSTEM = "local"
KEY = "vigie:"
INDEX = "vigie-index:"
SENTINEL = "vigie-sync"
CLASS = "vigie-class:"
PROFILE = "caller"
#: MI names since OpenSIPS 4, and those before.
_OLD_NAMES = {
    "dialog:profile_list_dlgs": "profile_list_dlgs",
    "dialog:end_dlg": "dlg_end_dlg",
    "usrloc:rm": "ul_rm",
    "usrloc:show_contact": "ul_show_contact",
}
_NO_METHOD = -32601
_NOT_FOUND = (400, 404)
#: Dialog states: 1 and 2 ring, 3 and 4 are answered, 5 is over.
_RINGING, _ANSWERED = (1, 2), (3, 4)


def connect(url: str, **options: str) -> OpenSips:
    """An OpenSIPS by its management interface.

    Args:
        url: ``http://HOST:PORT/mi``, of the module mi_http.
        options: ``location``: usrloc's table; ``numbers``: a JSON export of number classes, put at each resync.

    Raises:
        TargetError: the address is none, or an option is not known.
    """
    known(options, ("location", "numbers"), "OpenSIPS")
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or not parts.port or parts.username:
        raise TargetError(f"{url!r} is no address of OpenSIPS's mi_http; write http://HOST:PORT/mi")
    return OpenSips(Management(parts.hostname, parts.port, parts.path or "/mi"), options.get("location", "location"), numbers(options))


class OpenSips:
    """One OpenSIPS; see ``pbx.bridge.target.Target`` for what each method promises.

    Args:
        management: the connection.
        location: usrloc's table.
        classes: what ``numbers`` gives.
    """

    def __init__(self, management: Management, location: str, classes: dict[str, str]) -> None:
        self._classes = classes
        self._mi = management
        self._location = given(location, "location table")

    def table(self) -> dict[str, Entry]:
        """The indexes, then each AoR they name: what counts is what the gate would find."""
        found = {}
        for index in range(256):
            for aor in self._index(f"{index:02x}"):
                value = self._fetch(KEY + aor)
                try:
                    found[aor] = decode(aor, value) if value else foreign(aor)
                except TargetError:
                    found[aor] = foreign(aor)
        return found

    def put(self, entries: Iterable[Entry]) -> None:
        """Name each in its index, then ``cache_store``; those that cannot be written are named when all others stand."""
        orders, wrong = sendable(entries, lambda entry: (_key(entry.aor), encode(entry)))
        self._reindex([aor for aor, _ in orders], add=True)
        for aor, value in orders:
            self._mi.result("cache_store", system=SYSTEM, attr=KEY + aor, value=value)
        complain(wrong)

    def drop(self, aors: Iterable[str]) -> None:
        """``cache_remove`` each, then take it out of its index."""
        keys, wrong = sendable(aors, _key)
        for aor in keys:
            self._remove(KEY + aor)
        self._reindex(keys, add=False)
        complain(wrong)

    def end_calls(self, entry: Entry) -> int:
        """End each dialog of the profile that the gate would refuse now.

        One by one even where all are meant: ``profile_end_dlgs`` stops at the first dialog that cannot be ended.
        """
        listed = self._mi.result("dialog:profile_list_dlgs", but=_NOT_FOUND, profile=PROFILE, value=_key(entry.aor))
        dialogs = listed.get("Dialogs", []) if isinstance(listed, dict) else listed or []
        ended = 0
        for dialog in dialogs:
            said = _values(dialog)
            if not refused_by(entry, "call", said.get("vigie_class", ""), said.get("vigie_e164", "")):
                continue
            ident = given(str(dialog.get("ID", "")), "dialog ID")
            if dialog.get("state") in _ANSWERED:
                ended += self._mi.result("dialog:end_dlg", but=_NOT_FOUND, dialog_id=ident) is not None
            elif dialog.get("state") in _RINGING:
                # Versions differ in whether this cancels; the gate asks again at the ACK, and the bridge looks again.
                ended += "result" in self._mi.call("dialog:end_dlg", {"dialog_id": ident})
        return ended

    def remove_contacts(self, aor: str) -> int:
        """Drop the registrations of an AoR."""
        name = _key(aor)
        shown = self._mi.result("usrloc:show_contact", but=_NOT_FOUND, table_name=self._location, aor=name)
        contacts = shown.get("Contacts", []) if isinstance(shown, dict) else []
        self._mi.result("usrloc:rm", but=_NOT_FOUND, table_name=self._location, aor=name)
        return len(contacts)

    def generation(self) -> str:
        """When it started, and whether the sentinel stands."""
        uptime = self._mi.result("uptime")
        return f"{uptime.get('Up since', '')} {self._fetch(SENTINEL) or 'gone'}"

    def complete(self) -> None:
        """Put the number classes, then set the sentinel. A prefix that the export no longer has stays until a restart."""
        for prefix, cls in self._classes.items():
            self._mi.result("cache_store", system=SYSTEM, attr=CLASS + prefix, value=cls)
        self._mi.result("cache_store", system=SYSTEM, attr=SENTINEL, value="live")

    def close(self) -> None:
        """Let go of the connection."""
        self._mi.close()

    # -- the cache ------------------------------------------------------------------------------------------------------------

    def _fetch(self, key: str) -> str:
        answer = self._mi.result("cache_fetch", but=_NOT_FOUND, system=SYSTEM, attr=key)
        return str(answer.get("value", "")) if isinstance(answer, dict) else ""

    def _remove(self, key: str) -> None:
        # One that is not there is an error in some versions and none in others: look.
        if "error" in self._mi.call("cache_remove", {"system": SYSTEM, "attr": key}) and self._fetch(key):
            raise TargetError(f"OpenSIPS did not remove {key} from its cache; see its log")

    def _index(self, index: str) -> list[str]:
        return [aor for aor in self._fetch(INDEX + index).split(",") if is_key(aor)]

    def _reindex(self, aors: list[str], add: bool) -> None:
        by_index: dict[str, set[str]] = {}
        for aor in aors:
            by_index.setdefault(blake2b(aor.encode(), digest_size=1).hexdigest(), set()).add(aor)
        for index, some in sorted(by_index.items()):
            before = set(self._index(index))
            after = before | some if add else before - some
            if after and after != before:
                self._mi.result("cache_store", system=SYSTEM, attr=INDEX + index, value=",".join(sorted(after)))
            elif not after:
                self._remove(INDEX + index)


class Management:
    """A connection to mi_http.

    Args:
        host: name or address.
        port: of the module httpd.
        path: ``/`` and the root of mi_http.
    """

    def __init__(self, host: str, port: int, path: str) -> None:
        self._place, self._path = (host, port), path
        self._http: http.client.HTTPConnection | None = None
        self._last = 0
        self._names: dict[str, str] = {}

    def result(self, method: str, but: tuple[int, ...] = (), **parts: str) -> Any:
        """What a command answers; ``None`` when it fails with a code of ``but``.

        Raises:
            TargetError: it fails otherwise, a part is empty, or nothing answers.
        """
        answer = self.call(method, parts)
        if "result" in answer:
            return answer["result"]
        error = answer.get("error")
        code, said = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, str(answer)[:100])
        if code in but:
            return None
        raise TargetError(f"OpenSIPS refused {method}: {said} (code {code}); is its module loaded?")

    def call(self, method: str, parts: dict[str, str]) -> dict[str, Any]:
        """Send a command, under the name that this version knows, and give the whole answer."""
        for name, value in parts.items():
            if not value.strip() or not value.isprintable():
                raise TargetError(f"{method} with {name} {value!r} is never sent")
        name = self._names.get(method, method)
        answer = self._exchange(name, parts)
        error = answer.get("error")
        if isinstance(error, dict) and error.get("code") == _NO_METHOD and name == method and method in _OLD_NAMES:
            self._names[method] = _OLD_NAMES[method]
            answer = self._exchange(_OLD_NAMES[method], parts)
        return answer

    def close(self) -> None:
        """Let go of it."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def _exchange(self, method: str, parts: dict[str, str]) -> dict[str, Any]:
        self._last += 1
        order: dict[str, Any] = {"jsonrpc": "2.0", "id": self._last, "method": method}
        if parts:
            order["params"] = parts
        body = json.dumps(order).encode()
        try:
            answer = json.loads(self._post(body))
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            where = "{}:{}".format(*self._place)
            raise TargetError(f"OpenSIPS at {where} did not answer {method} ({error or type(error).__name__}); does it run?") from error
        if not isinstance(answer, dict) or answer.get("id") != self._last:
            raise TargetError(f"OpenSIPS answered {method} with {str(answer)[:100]!r}, which is no answer to it")
        return answer

    def _post(self, body: bytes) -> bytes:
        # A connection closed while it lay idle fails once; orders may be repeated.
        for last in (self._http is None, True):
            if self._http is None:
                self._http = http.client.HTTPConnection(*self._place, timeout=ANSWER_S)
            try:
                self._http.request("POST", self._path, body, {"Content-Type": "application/json"})
                return self._http.getresponse().read()
            except (ConnectionError, http.client.HTTPException):
                self.close()
                if last:
                    raise
        raise AssertionError


def _key(aor: str) -> str:
    return given(aor, without=",|")


def _values(dialog: dict[str, Any]) -> dict[str, str]:
    context = dialog.get("context")
    pairs = context.get("values", []) if isinstance(context, dict) else []
    return {name: str(value) for pair in pairs if isinstance(pair, dict) for name, value in pair.items()}
