"""A real Kafka broker on the loopback address: one node in KRaft mode, from the jars that ``scripts/kafka-jars`` copies.

Tests that need a broker use this one, not an imitation: what broke our earlier hosts (records dropped after a recovery, a woken
sleeper that still writes) happens only between a real client and a real broker.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from typing import IO

from vigie.dev.process import LOOPBACK, Child, DevelopmentError, free_port
from vigie.dev.server import Server

JARS = Path(__file__).parents[2] / ".kafka" / "jars"
#: After all topics and 100,000 records 130 MiB of it are used, and the process has 300 MB resident.
HEAP_MIB = 384
#: A cluster's id guards against mixing clusters; here is only this one.
CLUSTER = "vigieDevelopment000000"

_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


class Broker(Server):
    """One Kafka broker. The directory holds its data, its settings and ``kafka.log``.

    Raises:
        DevelopmentError: Java or the jars are missing.
    """

    name = "Kafka"
    # A start takes 2 to 3 s, after a kill 5; with both cores taken by others, 8.
    start_s = 60.0
    # A broker that stops in order takes 0.4 s; one that waits for a client's answer has taken longer.
    stop_s = 20.0

    def __init__(self, directory: Path, port: int | None = None) -> None:
        if not shutil.which("java"):
            raise DevelopmentError("java is not installed; run scripts/kafka-jars, which installs openjdk-17-jre-headless")
        if not JARS.is_dir():
            raise DevelopmentError(f"{JARS} is not there; run scripts/kafka-jars, which copies the jars of Kafka")
        super().__init__(directory, port)
        self._controller_port = free_port()

    @property
    def bootstrap(self) -> str:
        """What clients take as their bootstrap server."""
        return self.address

    def _launch(self, log: IO[bytes]) -> Child:
        properties = self.directory / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in self._settings().items()), "utf-8")
        logging = self.directory / "log4j2.properties"
        logging.write_text(_LOGGING, "utf-8")
        # One collector thread in place of one per core: tests share two cores with clients and workers.
        java = ["java", "-XX:+UseSerialGC", f"-Dlog4j2.configurationFile={logging}", "-cp", str(JARS / "*")]
        if not (self.directory / "data" / "meta.properties").exists():
            # The tool lives for a second: compiling thoroughly, which makes a long run fast, makes it slow.
            format_ = ["-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER, "--config", str(properties)]
            done = subprocess.run([*java, *format_], stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
            if done.returncode != 0:
                raise self._failed(f"could not format its storage (status {done.returncode})")
        return Child([*java, f"-Xms{HEAP_MIB}m", f"-Xmx{HEAP_MIB}m", "kafka.Kafka", str(properties)], log)

    def _answers(self) -> bool:
        """Whether an admin client gets an answer; before that a cheap look, for a refused client logs each refusal."""
        # Here, for 80 ms: every vigie command imports this module, and few start a broker.
        from kafka.admin import KafkaAdminClient
        from kafka.errors import KafkaError

        try:
            socket.create_connection((LOOPBACK, self.port), timeout=1).close()
            with KafkaAdminClient(bootstrap_servers=self.bootstrap, bootstrap_timeout_ms=2000) as admin:
                return bool(admin.describe_cluster()["brokers"])
        except (OSError, KafkaError):
            return False

    def _settings(self) -> dict[str, object]:
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            # The loopback address by number: a name may also mean an address that others reach.
            "listeners": f"PLAINTEXT://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{self.port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self.directory / "data",
            # A misspelt topic must be an error, as in production, not an empty topic of one partition.
            "auto.create.topics.enable": "false",
            # One node cannot hold the three copies that Kafka wants of its own topics, and needs no 50 partitions of them:
            # with 50, the first consumer group waits a second longer.
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            # By default a new group waits 3 s for further members before it gets its partitions.
            "group.initial.rebalance.delay.ms": 0,
            # After a kill the controller waits this long for the broker's former life to end before it admits the new one: by
            # default 9 s, which a test of a killed broker would spend asleep. Shorter than 3 s, a busy machine gets fenced.
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            # By default the cleaner takes 128 MiB of the heap for a map of keys.
            "log.cleaner.dedupe.buffer.size": 16 * 2**20,
        }
