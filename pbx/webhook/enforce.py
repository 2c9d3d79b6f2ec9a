"""The table as signed HTTP calls to whatever can enforce it: a vendor's API behind a small program, a ticket system, a person.

``docs/pbx/webhook.md`` is the page for authors of receivers. What a receiver was told is kept in a SQLite file here, because it
cannot be asked: without it, a suspension lifted while the bridge was down would stand for ever.

An order is noted before it is sent and counts once it is answered. Its number (``order``) grows: a receiver that ignores an order
with a lower number than the last one of the same AoR is safe from a request that hung in the network while later ones passed it.
"""

from __future__ import annotations

import hmac
import http.client
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import blake2b, sha256
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pbx.bridge.orders import complain, foreign, given, known, secret, sendable
from pbx.bridge.target import Entry, TargetError

#: Attempts of one order before the bridge is told; it comes back later with the whole decision.
ATTEMPTS = 4
#: Wait before the second attempt, seconds; each further one waits twice as long.
BACKOFF_S = 0.25
#: A receiver that has not answered by then hangs, seconds.
ANSWER_S = 10.0
#: Requests in flight at once; never two of one AoR. A receiver of 50 ms takes 10,000 orders in one minute instead of eight.
PARALLEL = 8
#: The bridge asks several times a second whether the PBX restarted; a receiver is asked this often, seconds.
PING_S = 10.0
#: Answers that another attempt may change: timeout, conflict, too early, too many, and what a server says of itself.
_AGAIN = (408, 409, 425, 429)
_LARGEST_ANSWER = 65_536

_TABLES = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS told (aor TEXT PRIMARY KEY, entry BLOB, pending INTEGER NOT NULL, ordered INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


def connect(url: str, **options: str) -> Webhook:
    """A receiver by its URL.

    Args:
        url: ``https://HOST/PATH``; plain ``http://`` is for the loopback address.
        options: ``secret_file`` (or ``secret``): the key of the signature; ``state``: path of the SQLite file, one per receiver.

    Raises:
        TargetError: the URL is none, an option is missing or not known, or the file cannot be opened.
    """
    known(options, ("secret", "secret_file", "state"), "the webhook")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
        raise TargetError(f"{url!r} is no URL to post to; write https://HOST/PATH, without a password in it")
    if not options.get("state"):
        raise TargetError("the webhook needs state=PATH: a file that keeps what the receiver was told")
    return Webhook(url, secret(options, "the webhook"), options["state"])


def sign(key: str, timestamp: str, body: bytes) -> str:
    """The signature header of a request: HMAC-SHA256 over the timestamp, a point and the body.

    >>> sign("key", "1767225600", b"{}")[:20]
    'v1=df344de429b8ee672'
    """
    return "v1=" + hmac.new(key.encode(), timestamp.encode() + b"." + body, sha256).hexdigest()


class Webhook:
    """One receiver; see ``pbx.bridge.target.Target`` for what each method promises.

    Args:
        url: where to post to.
        key: of the signature.
        state: path of the SQLite file.
        sleep: how to wait between attempts.
        clock: seconds that only grow.
    """

    def __init__(
        self, url: str, key: str, state: str, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        parts = urlsplit(url)
        self._place = (parts.hostname or "", parts.port)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._new = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._url, self._key, self._sleep, self._clock = url, key, sleep, clock
        self._pinged, self._generation = 0.0, ""
        # One connection per thread: http.client has no other way, and a receiver sees few of them.
        self._open: dict[int, http.client.HTTPConnection] = {}
        self._lock = threading.Lock()
        try:
            self._told = sqlite3.connect(state, isolation_level=None, check_same_thread=False)
            self._told.executescript(_TABLES)
        except sqlite3.Error as error:
            raise TargetError(f"{state} cannot keep what the receiver was told ({error}); give state=PATH") from error

    # -- Target ---------------------------------------------------------------------------------------------------------------

    def table(self) -> dict[str, Entry]:
        """What the receiver has confirmed; what it was told and has not confirmed stands as foreign, so that it is told again."""
        rows = self._rows("SELECT aor, entry, pending FROM told ORDER BY aor")
        return {aor: foreign(aor) if pending else msgspec.json.decode(entry, type=Entry) for aor, entry, pending in rows}

    def put(self, entries: Iterable[Entry]) -> None:
        """Post ``suspend`` for each, the last one if an AoR comes twice."""
        last: dict[str, Entry | None] = {given(entry.aor): entry for entry in entries}
        self._tell("suspend", last, "UPDATE told SET pending = 0 WHERE aor = ? AND ordered = ?")

    def drop(self, aors: Iterable[str]) -> None:
        """Post ``lift`` for each."""
        keys, wrong = sendable(aors, given)
        self._tell("lift", dict.fromkeys(keys), "DELETE FROM told WHERE aor = ? AND ordered = ?")
        complain(wrong)

    def end_calls(self, entry: Entry) -> int:
        """Post ``end_calls``; the answer's ``calls_ended``."""
        answer = self._order("end_calls", given(entry.aor), entry, self._number())
        return _count(answer, "calls_ended")

    def remove_contacts(self, aor: str) -> int:
        """Post ``remove_contacts``; the answer's ``contacts_removed``."""
        answer = self._order("remove_contacts", given(aor), None, self._number())
        return _count(answer, "contacts_removed")

    def generation(self) -> str:
        """What the receiver calls its ``generation`` when pinged, if anything; with a new one nothing counts as told any more."""
        if self._pinged and self._clock() < self._pinged + PING_S:
            return self._generation
        said = str(self._order("ping", "", None, 0).get("generation", ""))
        self._pinged, self._generation = self._clock(), said
        with self._lock:
            before = self._fact("generation")
            if before is not None and before != said:
                self._told.execute("UPDATE told SET pending = 1, ordered = 0")
            if before != said:
                self._told.execute("INSERT OR REPLACE INTO facts VALUES ('generation', ?)", (said,))
        return said

    def complete(self) -> None:
        """Post ``complete``: from here on the receiver's table is whole."""
        self._order("complete", "", None, self._number())

    def close(self) -> None:
        """Let go of connections and the file."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()
        self._told.close()

    # -- what was told --------------------------------------------------------------------------------------------------------

    def _tell(self, action: str, wanted: dict[str, Entry | None], confirmed: str) -> None:
        """Note orders, send them, and note which were confirmed: two transactions, whatever their number."""
        numbers = self._noted({aor: None if entry is None else msgspec.json.encode(entry) for aor, entry in wanted.items()})
        done: list[tuple[str, int]] = []

        def one(aor: str) -> None:
            self._order(action, aor, wanted[aor], numbers[aor])
            done.append((aor, numbers[aor]))

        try:
            self._together([partial(one, aor) for aor in wanted])
        finally:
            # One that we die before noting is told again: the receiver knows its key.
            with self._lock, self._told:
                self._told.execute("BEGIN")
                self._told.executemany(confirmed, done)

    def _noted(self, wanted: dict[str, bytes | None]) -> dict[str, int]:
        """Note orders before they are sent; the same one again, after a failure or a crash, keeps its number and so its key.

        If we die after the request, and the suspension is lifted before we are back, the lift must still be sent.
        """
        numbers = {}
        with self._lock, self._told:
            self._told.execute("BEGIN")
            for aor, entry in wanted.items():
                query = "SELECT ordered FROM told WHERE aor = ? AND pending = 1 AND entry IS ? AND ordered > 0"
                row = self._told.execute(query, (aor, entry)).fetchone()
                numbers[aor] = row[0] if row else self._next()
                self._told.execute("INSERT OR REPLACE INTO told VALUES (?, ?, 1, ?)", (aor, entry, numbers[aor]))
        return numbers

    def _number(self) -> int:
        with self._lock:
            return self._next()

    def _next(self) -> int:
        number = int(self._fact("order") or 0) + 1
        self._told.execute("INSERT OR REPLACE INTO facts VALUES ('order', ?)", (str(number),))
        return number

    def _fact(self, name: str) -> str | None:
        row = self._told.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def _rows(self, query: str) -> list[Any]:
        with self._lock:
            return self._told.execute(query).fetchall()

    # -- HTTP -----------------------------------------------------------------------------------------------------------------

    def _together(self, orders: list[Callable[[], None]]) -> None:
        """Send orders of different AoRs side by side; once one has failed for good the others that have not begun are left."""
        failed = threading.Event()

        def one(order: Callable[[], None]) -> None:
            if not failed.is_set():
                try:
                    order()
                except BaseException:
                    failed.set()
                    raise

        if len(orders) == 1:
            orders[0]()
            return
        with ThreadPoolExecutor(PARALLEL) as pool:
            try:
                list(pool.map(one, orders))
            finally:
                pool.shutdown()
                self._forget_threads()

    def _forget_threads(self) -> None:
        for thread in [thread for thread in self._open if thread != threading.get_ident()]:
            self._open.pop(thread).close()

    def _order(self, action: str, aor: str, entry: Entry | None, number: int) -> dict[str, Any]:
        """Send one order until it is confirmed, a few times.

        Raises:
            TargetError: it was not; the message holds the last answer.
        """
        told: dict[str, Any] = {"v": 1, "kind": "enforcement", "action": action}
        if number:
            told["order"] = number
        if aor:
            told["aor"] = aor
        if entry is not None:
            told["entry"] = msgspec.to_builtins(entry) | {"emergency_allowed": True}
        body = json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()
        key = blake2b(body, digest_size=16).hexdigest() if number else ""
        said = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(BACKOFF_S * 2 ** (attempt - 1))
            try:
                status, answer = self._post(body, key)
            except (OSError, http.client.HTTPException) as error:
                said = f"no answer: {error or type(error).__name__}"
                continue
            if 200 <= status < 300 and answer.get("applied") is True:
                return answer
            said = f"status {status}, {str(answer)[:200]}"
            if 300 <= status < 500 and status not in _AGAIN:
                break
        # Whether it is there at all is asked anew.
        self._pinged = 0.0
        what = f"{action} of {aor}" if aor else action
        raise TargetError(f'{self._url} did not confirm {what} ({said}); it must answer 2xx with {{"applied":true}}')

    def _post(self, body: bytes, key: str) -> tuple[int, dict[str, Any]]:
        now = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "X-Vigie-Timestamp": now,
            "X-Vigie-Signature": sign(self._key, now, body),
        }
        if key:
            headers["Idempotency-Key"] = key
        thread = threading.get_ident()
        if thread in self._open:
            # A receiver closes what lay idle; that is no failed attempt and needs no wait.
            try:
                return self._exchange(self._open[thread], body, headers)
            except (ConnectionError, http.client.BadStatusLine):
                self._open.pop(thread).close()
        self._open[thread] = self._new(*self._place, timeout=ANSWER_S)
        return self._exchange(self._open[thread], body, headers)

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        try:
            connection.request("POST", self._path, body, headers)
            response = connection.getresponse()
            raw = response.read(_LARGEST_ANSWER + 1)
            if len(raw) > _LARGEST_ANSWER:
                connection.close()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        try:
            answer = json.loads(raw)
        except ValueError:
            answer = None
        return response.status, answer if isinstance(answer, dict) else {"body": raw[:100].decode("utf-8", "replace")}


def _count(answer: dict[str, Any], name: str) -> int:
    number = answer.get(name, 0)
    return number if isinstance(number, int) and number >= 0 else 0
