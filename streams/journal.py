"""How far a run has come: small, replaced whole after each durable point, read by ``--resume``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from detectors.errors import StateError
from streams.durable import replace_file
from streams.runs import Run

NAME = "journal"
Stage = Literal["read", "order", "detect", "publish"]


class InputCount(msgspec.Struct):
    """What came out of one input: records that are not blank, and those outside ``--from``/``--to``."""

    path: str
    source: str = ""
    size: int = 0
    read: int = 0
    outside: int = 0


class ReadState(msgspec.Struct):
    """Progress of the first stage: the input being read, lines of it that are done, and all that came of it."""

    at: int = 0
    line: int = 0
    inputs: list[InputCount] = []
    empty: int = 0
    events: int = 0
    runs: list[Run] = []
    dead: int = 0
    dead_bytes: int = 0
    ours: list[str] = []


class Seen(msgspec.Struct, array_like=True):
    """How many events of one kind a PBX sent, and what they carried (bits: address 1, device 2, user agent 4)."""

    pbx: str
    kind: str
    bits: int
    count: int


class OrderState(msgspec.Struct):
    """Result of the second stage: the log, and what was seen on the way.

    ``uncounted`` are events that were read and that detection does not count: ticks, and what a log of one partition alone
    says to all. ``built`` is the build day of the newest database whose places an exported log carries.
    """

    logs: list[int] = []
    events: list[int] = []
    seeds: int = 0
    uncounted: int = 0
    dead: int = 0
    dead_bytes: int = 0
    last: int = 0
    unresolved: int = 0
    seen: list[Seen] = []
    built: str = ""


class Journal(msgspec.Struct):
    """The durable state of a run.

    ``asked`` says what was asked for, part by part; a resumed run must ask for the same.
    """

    asked: dict[str, str]
    stage: Stage = "read"
    read: ReadState = msgspec.field(default_factory=ReadState)
    order: OrderState = msgspec.field(default_factory=OrderState)

    def save(self, work: Path) -> None:
        """Make this the durable point."""
        replace_file(work / NAME, msgspec.msgpack.encode(self))

    @classmethod
    def load(cls, work: Path) -> Journal | None:
        """The last durable point of a directory, ``None`` when there is none.

        Raises:
            StateError: it cannot be read: a newer vigie wrote it, or it is damaged.
        """
        try:
            return msgspec.msgpack.decode((work / NAME).read_bytes(), type=cls)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            raise StateError(f"{work / NAME}: cannot be read ({error}); run again without --resume") from error
