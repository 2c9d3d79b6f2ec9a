"""Result files of a run read back: alerts and metering, by commands that go on from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from streams.errors import InputUnreadable
from streams.sources import Reader

T = TypeVar("T")


class _Kind(msgspec.Struct):
    kind: str


_kind_of = msgspec.json.Decoder(_Kind).decode


def records(path: str, kind: str, type_: type[T]) -> Iterator[T]:
    """The records of one kind in a file of outputs (``.jsonl``, ``.jsonl.gz``), in its order; other kinds are passed over.

    Raises:
        InputUnreadable: the file cannot be read, or a line of it is no output of vigie.
    """
    decode = msgspec.json.Decoder(type_).decode
    number = 0
    for block in Reader(path).blocks():
        for line in block:
            number += 1
            if not line or line.isspace():
                continue
            try:
                if _kind_of(line).kind == kind:
                    yield decode(line)
            except msgspec.MsgspecError as error:
                raise InputUnreadable(f"{path}: line {number} is no output of vigie ({error}); give files that it wrote") from None
