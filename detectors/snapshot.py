"""A whole partition as bytes and back: what ``--resume``, bootstrap and tests of recovery stand on."""

from __future__ import annotations

import heapq
from typing import Literal

import msgspec

from detectors.errors import StateError
from detectors.policy import Policy
from detectors.registry import Detectors
from detectors.state import decode, encode
from detectors.step import Partition

_whole = msgspec.msgpack.Decoder(tuple[bytes, list[bytes], list[bytes], Literal["live", "bootstrap"]])


def take(partition: Partition) -> bytes:
    """The partition as bytes; ``restore`` gives one that goes on as this one would."""
    tenants = [encode(state) for _, state in sorted(partition.tenants.items())]
    licences = [encode(state) for _, state in sorted(partition.licences.items())]
    return msgspec.msgpack.encode((encode(partition.state), tenants, licences, partition.origin))


def restore(data: bytes, detectors: Detectors | None = None) -> Partition:
    """A partition from the bytes of ``take``; timers are rebuilt from the states.

    Raises:
        StateError: damaged bytes, or bytes of a newer version.
    """
    try:
        own, tenants, licences, origin = _whole.decode(data)
    except msgspec.MsgspecError as error:
        raise StateError(f"snapshot cannot be read ({error}); delete it and run again from the start") from error
    state = decode("p", own)
    partition = Partition(state.number, detectors, origin)
    partition.state = partition.ctx.partition = state
    partition.policy = Policy(state.policy, partition.detectors)
    for tenant in (decode("t", one) for one in tenants):
        partition.tenants[tenant.tenant] = tenant
        partition.heap += [(at, tenant.tenant, "", name) for name, at in tenant.timers.items()]
    for licence in (decode("l", one) for one in licences):
        partition.licences[(licence.tenant, licence.licence)] = licence
        partition.heap += [(at, licence.tenant, licence.licence, name) for name, at in licence.timers.items()]
    partition.heap += [(reference.effective_from or 0, "", "", "") for reference in state.coming]
    heapq.heapify(partition.heap)
    return partition
