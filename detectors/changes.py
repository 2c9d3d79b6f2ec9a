"""What changed in a partition since it was last asked, as keys and bytes: the live checkpoint writes only that.

Keys: ``l/tenant/licence``, ``t/tenant``, ``p`` (the partition's own), and ``r/hour/n`` (the table of repeats, in pieces: a busy
partition adds 250 keys a second to it, and writing two hours of them again each second would be 70 MB/s). Keys that begin with a
zero byte are the host's own.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import msgspec

from detectors.errors import StateError
from detectors.policy import Policy
from detectors.registry import Detectors
from detectors.state import Header, PartitionState, decode, encode
from detectors.step import Partition

Change = tuple[bytes, bytes | None]

#: Keys of the table of repeats in one piece, at most 160 bytes each (an id of 128 characters stands for coordinates in history).
#: All of a busy hour in one value would be 50 MB; a record may have 1 MiB.
PIECE_KEYS = 4_096


class _Clock(msgspec.Struct, array_like=True):
    """The first fields of ``PartitionState``: a policy of 20 KiB need not be decoded to read a clock."""

    number: int
    now: int


_clock = msgspec.msgpack.Decoder(tuple[Header, _Clock])
_piece = msgspec.msgpack.Decoder(dict[int, tuple[int, str, int]])


def collect(partition: Partition) -> list[Change]:
    """Keys and bytes of all that changed since the last call; None removes a key. The first call gives everything.

    >>> from detectors.events import Tick
    >>> core = Partition(0)
    >>> _ = core.step(Tick(time=1764000000000))
    >>> [key for key, _ in collect(core)]
    [b'p']
    """
    found: list[Change] = []
    if partition.unsaved is None:
        touched = {*partition.licences, *((tenant, "") for tenant in partition.tenants)}
        added = [(hour, key) for hour, keys in partition.state.repeats.items() for key in keys]
    else:
        touched, added = partition.touched, partition.unsaved
    for tenant, name in sorted(touched):
        if name:
            licence = partition.licences.get((tenant, name))
            found.append((f"l/{tenant}/{name}".encode(), None if licence is None else encode(licence)))
    for tenant in sorted({tenant for tenant, _ in touched}):
        state = partition.tenants.get(tenant)
        found.append((f"t/{tenant}".encode(), None if state is None else encode(state)))
    found += _repeats(partition, added)
    found.append((b"p", encode(msgspec.structs.replace(partition.state, repeats={}))))
    partition.touched, partition.unsaved = set(), []
    return found


def clock_of(value: bytes) -> int:
    """The instant (ms) of the log that a value of the key ``p`` was written at.

    Raises:
        StateError: the value is damaged.

    >>> from detectors.events import Tick
    >>> core = Partition(0)
    >>> _ = core.step(Tick(time=1764000000000))
    >>> clock_of(dict(collect(core))[b"p"])
    1764000000000
    """
    try:
        return _clock.decode(value)[1].now
    except msgspec.MsgspecError as error:
        raise StateError(f"a partition's own state cannot be read ({error}); restore the topic, or bootstrap it anew") from error


def rebuild(number: int, records: Iterable[tuple[bytes, bytes]], detectors: Detectors | None = None) -> Partition:
    """The partition that wrote these records (the latest of each key, removed ones left out); timers come from the states.

    Raises:
        StateError: a key or a value is none of ours, is damaged, or was written by a newer version.
    """
    partition = Partition(number, detectors)
    pieces: dict[int, list[bytes]] = {}
    repeats: dict[int, dict[int, tuple[int, str, int]]] = {}
    state = PartitionState(number)
    for key, value in records:
        kind = key[:2]
        if key.startswith(b"\0"):
            continue  # the host's own
        if kind == b"l/":
            licence = decode("l", value)
            partition.licences[(licence.tenant, licence.licence)] = licence
            partition.heap += [(at, licence.tenant, licence.licence, name) for name, at in licence.timers.items()]
        elif kind == b"t/":
            tenant = decode("t", value)
            partition.tenants[tenant.tenant] = tenant
            partition.heap += [(at, tenant.tenant, "", name) for name, at in tenant.timers.items()]
        elif kind == b"r/":
            hour = int(key.split(b"/")[1])
            pieces.setdefault(hour, []).append(key)
            try:
                repeats.setdefault(hour, {}).update(_piece.decode(value))
            except msgspec.MsgspecError as error:
                raise StateError(
                    f"checkpoint {key!r} cannot be read ({error}); restore the topic, or bootstrap the partition anew"
                ) from error
        elif key == b"p":
            state = decode("p", value)
        else:
            raise StateError(f"checkpoint key {key!r} is not one of this vigie's; it may belong to a newer one: install that one")
    state.repeats = repeats
    partition.state = partition.ctx.partition = state
    partition.policy = Policy(state.policy, partition.detectors)
    partition.heap += [(reference.effective_from or 0, "", "", "") for reference in state.coming]
    heapq.heapify(partition.heap)
    partition.pieces = pieces
    partition.touched, partition.unsaved = set(), []
    return partition


def _repeats(partition: Partition, added: list[tuple[int, int]]) -> list[Change]:
    """New keys of the table of repeats as pieces per hour; pieces of hours that were forgotten are removed."""
    found: list[Change] = []
    repeats = partition.state.repeats
    for hour in sorted({hour for hour, _ in added} & repeats.keys()):
        table = repeats[hour]
        keys = [key for h, key in added if h == hour]
        # All of it new: the hour was forgotten and a late event brought it back, so pieces written before are of another table.
        former = partition.pieces.pop(hour, []) if len(table) == len(keys) else []
        for at in range(0, len(keys), PIECE_KEYS):
            # The table of an hour only grows: its size names each piece once. (What was accepted does not grow by broadcasts.)
            name = f"r/{hour}/{len(table) - len(keys) + at}".encode()
            found.append((name, msgspec.msgpack.encode({key: table[key] for key in keys[at : at + PIECE_KEYS]})))
            partition.pieces.setdefault(hour, []).append(name)
        found += [(name, None) for name in former if name not in partition.pieces[hour]]
    for hour in sorted(partition.pieces.keys() - repeats.keys()):
        found += [(name, None) for name in partition.pieces.pop(hour)]
    return found
