"""A move as the event that tells the stream of it (``model`` of the contracts)."""

from __future__ import annotations

from typing import Any

import msgspec

from models.registry.aliases import Move
from models.registry.manifest import Manifest
from models.registry.store import digest


def model_event(move: Move, manifest: Manifest) -> dict[str, Any]:
    """The event of a move: the same move gives the same event, so that telling it twice is telling it once.

    ``role`` ``none`` takes the version out of whatever role it has; the threshold is the version's for review.
    """
    order = move.order
    return {
        "kind": "model",
        "v": 1,
        "id": f"model-{digest(msgspec.json.encode(move))[:24]}",
        "time": move.at,
        "name": order.name,
        "version": order.version,
        "role": order.role,
        "threshold": None if order.role == "none" else manifest.threshold,
    }


def line_of(event: dict[str, Any]) -> bytes:
    """An event as it is written to files and topics."""
    return msgspec.json.encode(event)
