"""Bytewax, stateful: states in memory, those of woken keys written to its SQLite recovery store every second.

Over single records a key is a licence; over frames it is a partition, whose snapshot is the core's own.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op  # type: ignore[import-not-found]
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage  # type: ignore[import-not-found]
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found]
from bytewax.operators import StatefulLogic
from bytewax.outputs import DynamicSink, StatelessSinkPartition  # type: ignore[import-not-found]
from bytewax.recovery import RecoveryConfig, init_db_dir  # type: ignore[import-not-found]
from bytewax.testing import run_main  # type: ignore[import-not-found]

from bench.hosts.judge import Judge, Meter, given


class _Nothing(StatelessSinkPartition):  # type: ignore[misc]
    def write_batch(self, items: list[Any]) -> None:
        """Nothing."""


class _Nowhere(DynamicSink):  # type: ignore[misc]
    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Nothing:
        """See Bytewax."""
        return _Nothing()


class _Licence(StatefulLogic):  # type: ignore[misc]
    """A key's state; several may live in one partition of the core."""

    def __init__(self, judge: Judge) -> None:
        self._judge, self._number, self._key = judge, 0, ""

    def on_item(self, value: Any) -> tuple[tuple[()], bool]:
        """See Bytewax."""
        self._key, self._number, record = value
        self._judge.judge(self._number, record, "records")
        return (), self.RETAIN

    def snapshot(self) -> bytes:
        """See Bytewax; called once an epoch for each key that was woken."""
        return self._judge.licence(self._number, self._key)


class _Partition(StatefulLogic):  # type: ignore[misc]
    def __init__(self, judge: Judge, resume: Any) -> None:
        self._judge, self._number = judge, 0
        if resume is not None:
            self._number, snapshot = resume
            judge.restore(self._number, snapshot)

    def on_item(self, value: Any) -> tuple[tuple[()], bool]:
        """See Bytewax."""
        _, self._number, record = value
        self._judge.judge(self._number, record, "frames")
        return (), self.RETAIN

    def snapshot(self) -> tuple[int, bytes]:
        """See Bytewax."""
        return self._number, self._judge.snapshot(self._number)


def main() -> None:
    """Judge the topic to its end."""
    asked = given()
    meter = Meter(asked.events)
    judge = Judge(meter)

    def keyed(message: KafkaSourceMessage) -> tuple[str, tuple[str, int, bytes]]:
        key = message.key.decode()
        return key, (key, message.partition, message.value)

    flow = Dataflow("vigie")
    source = KafkaSource([asked.bootstrap], [asked.topic], tail=False)
    records = op.map("keyed", op.input("records", flow, source), keyed)
    frames = asked.of == "frames"
    judged = op.stateful("judged", records, lambda resume: _Partition(judge, resume) if frames else _Licence(judge))
    op.output("nowhere", judged, _Nowhere())
    store = Path(asked.state)
    if not any(store.iterdir()):
        init_db_dir(store, 1)
    run_main(flow, epoch_interval=timedelta(seconds=1), recovery_config=RecoveryConfig(store))
    meter.end()


if __name__ == "__main__":
    main()
