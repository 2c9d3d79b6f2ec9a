"""Faust as its guide has it: one record per event, and the state in a table with a changelog, set at every event."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

# As vigie detect pins it.
os.environ.pop("NO_CYTHON", None)

import faust

from bench.hosts.judge import Judge, Meter, given
from streams.live.worker import FETCH_BYTES, HEARTBEAT_S, POLL_FRAMES, SESSION_S, LightMonitor
from streams.partition import PARTITIONS


def main() -> None:
    """Judge the topic to its end."""
    asked = given()
    meter = Meter(asked.events)
    judge = Judge(meter)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = faust.App(
        asked.group, env_prefix="VIGIE_FAUST_", broker=f"kafka://{asked.bootstrap}", store="memory://", datadir=asked.state,
        autodiscover=False, web_enabled=False, topic_partitions=PARTITIONS, topic_replication_factor=1, table_standby_replicas=0,
        consumer_auto_offset_reset="earliest", consumer_group_instance_id=f"{asked.group}-1", consumer_max_fetch_size=FETCH_BYTES,
        broker_max_poll_records=POLL_FRAMES, broker_session_timeout=SESSION_S, broker_heartbeat_interval=HEARTBEAT_S,
        broker_request_timeout=30, broker_commit_interval=1.0, stream_wait_empty=False, cython_optimizations=False,
        monitor=LightMonitor(),
    )  # fmt: skip
    records = app.topic(asked.topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    states = app.Table("states", key_type=bytes, value_type=bytes, partitions=PARTITIONS)

    async def save() -> None:
        # The agent acknowledges the last record when it asks for the next one.
        await asyncio.sleep(0.05)
        await app.consumer.commit()
        meter.end()
        os._exit(0)

    async def detect(stream: Any) -> None:
        saving = None
        async for event in stream.events():
            number = event.message.partition
            last = judge.judge(number, event.value, asked.of)
            for key, state in judge.changed(number):
                states[key.encode()] = state
            if last and saving is None:
                saving = asyncio.create_task(save())

    app.agent(records, name="detect")(detect)
    worker = faust.Worker(app, loglevel="warn", quiet=True, redirect_stdouts=False, loop=loop)
    worker.spinner = None
    sys.exit(worker.execute_from_commandline())


if __name__ == "__main__":
    main()
