"""The table as keys in Redis: a view that a PBX asks on each call. It ends no calls and drops no registrations.

Keys (``docs/pbx/redis.md`` is the page for PBX authors):

- ``vigie:suspended:<aor>``: JSON of ``Value``; no key means that nothing is refused;
- ``vigie:suspended``: the set of all AoRs that have such a key;
- ``vigie:sync``: ``live`` once the table is whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
import redis

from pbx.bridge.orders import foreign, given, is_key, known
from pbx.bridge.target import Entry, TargetError

ALL = "vigie:suspended"
KEY = "vigie:suspended:"
SENTINEL = "vigie:sync"
LIVE = "live"
#: A Redis that has not answered by then hangs, seconds; it takes 10,000 entries in one transaction of 0.1 s.
ANSWER_S = 5.0
#: Keys that one step of a look over all of them, or one read, may take: Redis serves others in between.
_STEP = 1000


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at ``vigie:suspended:<aor>``; fields may be added, never change their meaning within ``v``."""

    v: Literal[1] = 1
    aor: str
    decision_id: str
    customer_code: str
    restrictions: tuple[str, ...]
    prefixes: tuple[str, ...] = ()
    home_prefixes: tuple[str, ...] = ()
    allowed_numbers: tuple[str, ...] = ()
    emergency_allowed: Literal[True] = True


def connect(url: str, **options: str) -> RedisView:
    """The view in one Redis.

    Args:
        url: ``redis://HOST:PORT/DB``, ``rediss://…`` or ``unix://PATH?db=DB``, as redis-py reads it.
        options: ``secret_file`` is not among them: a password belongs to the URL, or better to a socket's file mode.

    Raises:
        TargetError: the address is none, or an option is given.
    """
    known(options, (), "Redis")
    try:
        client = redis.Redis.from_url(url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S, decode_responses=True)
    except ValueError as error:
        raise TargetError(f"{url!r} is no address of a Redis ({error}); write redis://HOST:PORT/DB") from error
    return RedisView(client)


class RedisView:
    """One Redis database; see ``pbx.bridge.target.Target`` for what each method promises.

    Args:
        client: of the database; it decodes what it reads.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def table(self) -> dict[str, Entry]:
        """Every key, whoever wrote it: what PBXes ask is the key, so one that the set does not name must be found too."""
        client = self._client
        try:
            keys = sorted(set(client.scan_iter(match=f"{KEY}*", count=_STEP)))
            named = set(client.sscan_iter(ALL, count=_STEP))
            found = {}
            for start in range(0, len(keys), _STEP):
                some = keys[start : start + _STEP]
                for key, text in zip(some, client.mget(some), strict=True):
                    aor = key.removeprefix(KEY)
                    if is_key(aor):
                        found[aor] = _read(aor, str(text)) if aor in named else foreign(aor)
        except redis.RedisError as error:
            raise _failed("read the table", error) from error
        for aor in sorted(named - found.keys()):
            if is_key(aor):
                found[aor] = foreign(aor)
        return found

    def put(self, entries: Iterable[Entry]) -> None:
        """Set each, all in one transaction."""
        self.exchange(entries, ())

    def drop(self, aors: Iterable[str]) -> None:
        """Delete each, all in one transaction."""
        self.exchange((), aors)

    def exchange(self, entries: Iterable[Entry], aors: Iterable[str]) -> None:
        """Set and delete in one MULTI/EXEC: a reader sees the table as it was or as it is then, nothing between.

        Args:
            entries: to set.
            aors: to delete.

        Raises:
            TargetError: nothing was changed, or the connection broke before Redis could say whether.
        """
        with self._client.pipeline(transaction=True) as whole:
            for aor in aors:
                whole.delete(KEY + given(aor))
                whole.srem(ALL, aor)
            for entry in entries:
                value = Value(**msgspec.structs.asdict(entry))
                whole.set(KEY + given(entry.aor), msgspec.json.encode(value))
                whole.sadd(ALL, entry.aor)
            if not len(whole):
                return
            try:
                whole.execute()
            except redis.RedisError as error:
                raise _failed("change the table", error) from error

    def end_calls(self, entry: Entry) -> int:
        """None: whoever asks per call ends its calls itself."""
        given(entry.aor)
        return 0

    def remove_contacts(self, aor: str) -> int:
        """None: whoever asks per registration refuses the next one."""
        given(aor)
        return 0

    def generation(self) -> str:
        """The server's run id, new at each start, and whether the sentinel stands: FLUSHALL restarts nothing."""
        try:
            run: dict[str, Any] = self._client.info("server")
            sentinel = self._client.get(SENTINEL)
            return f"{run['run_id']} {sentinel or 'gone'!s}"
        except redis.RedisError as error:
            raise _failed("ask for its run id", error) from error

    def complete(self) -> None:
        """Set the sentinel."""
        try:
            self._client.set(SENTINEL, LIVE)
        except redis.RedisError as error:
            raise _failed("set the sentinel", error) from error

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()


def _read(aor: str, text: str) -> Entry:
    try:
        value = msgspec.json.decode(text, type=Value)
        fields = msgspec.structs.asdict(value)
        del fields["v"], fields["emergency_allowed"]
        return Entry(**fields) if value.aor == aor else foreign(aor)
    except (msgspec.MsgspecError, TargetError):
        return foreign(aor)


def _failed(what: str, error: redis.RedisError) -> TargetError:
    return TargetError(f"Redis did not {what} ({error}); does it run, and may this client write?")
