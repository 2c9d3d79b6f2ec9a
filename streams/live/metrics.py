"""What a detect worker says of itself: Prometheus metrics, ``/health`` and ``/ready``, on a port of ours.

Faust's own web server stays off: it serves table contents, and its latency histograms were wrong by 1000 before 0.13. A thread
answers, so that a scrape waits for no frame.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

#: Says what is wrong, or nothing.
Check = Callable[[], str]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of a worker; those of a partition have the label ``partition`` and are gone when it leaves.

    ``lag`` is the end of the log minus the next frame to apply. ``stopped`` is the alarm: such a partition judges nothing until
    an operator acts.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.events = self._counter("events", "Events judged (before their checkpoint: a crash judges some again).")
        self.frames = self._counter("frames", "Frames judged.")
        self.skipped = self._counter("frames_skipped", "Frames delivered again that were judged already.")
        self.dropped = self._counter("frames_dropped", "Frames delivered before their turn; they come again.")
        self.gaps = self._counter("gaps_repaired", "Times that the log was read again from the next frame because frames were missing.")
        self.checkpoints = self._counter("checkpoints", "Transactions committed.")
        self.fenced = self._counter("fenced", "Times that another worker was found to own a partition of ours.")
        self.failures = self._counter("failures", "Times that a partition was forgotten after an error, to be opened again.")
        self.outputs = Counter("vigie_detect_outputs", "Records published, by topic.", ["topic"], registry=self.registry)
        self.lag = self._gauge("lag_frames", "Frames of the log that wait to be judged.")
        self.next = self._gauge("next_offset", "Next frame to judge.")
        self.stopped = self._gauge("stopped", "1 when a partition is stopped and waits for an operator.")
        self.committed_at = self._gauge("committed_timestamp_seconds", "When the last checkpoint was committed.")
        self.owned = Gauge("vigie_detect_partitions_owned", "Partitions that this worker owns.", registry=self.registry)
        self.checkpoint_seconds = Histogram(
            "vigie_detect_checkpoint_seconds", "From a checkpoint's begin to its commit.", buckets=_SECONDS, registry=self.registry
        )
        self.open_seconds = Histogram(
            "vigie_detect_open_seconds", "From the begin of opening a partition to its first frame being due.",
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip

    def forget(self, number: int) -> None:
        """Take away the gauges of a partition that left: a lag of hours ago would alarm for ever."""
        for gauge in (self.lag, self.next, self.stopped, self.committed_at):
            with suppress(KeyError):
                gauge.remove(str(number))

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"vigie_detect_{name}", text, ["partition"], registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"vigie_detect_{name}", text, ["partition"], registry=self.registry)


def serve(host: str, port: int, registry: CollectorRegistry, health: Check, ready: Check) -> ThreadingHTTPServer:
    """Answer ``/metrics``, ``/health`` and ``/ready`` from a thread of its own until ``shutdown``.

    Args:
        host: address to listen on.
        port: port to listen on.
        registry: the metrics.
        health: what is so wrong that a restart is the remedy.
        ready: what is missing before this process does its work.

    Raises:
        OSError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
            elif self.path in ("/health", "/ready"):
                wrong = health() if self.path == "/health" else ready()
                self._answer(503 if wrong else 200, (wrong or "ok").encode() + b"\n", "text/plain; charset=utf-8")
            else:
                self._answer(404, b"/metrics, /health and /ready are served\n", "text/plain; charset=utf-8")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A line per scrape would bury what matters."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
