"""A receiver of the webhook, written from ``docs/pbx/webhook.md`` alone, that fails as often as it is told to."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "a-shared-secret"


class Receiver:
    """Runs inside the ``with`` block.

    Args:
        trouble: part of the requests that go wrong: refused before or after the work was done, or cut off.
        seed: of the trouble.
    """

    def __init__(self, trouble: float = 0.0, seed: int = 0) -> None:
        self.trouble, self._random = trouble, random.Random(seed)
        self.table: dict[str, dict[str, Any]] = {}
        #: What was done, in order, once per order.
        self.done: list[tuple[str, str]] = []
        self.requests: list[dict[str, str]] = []
        self.generation = ""
        self.answer: tuple[int, Any] | None = None
        self.forged = 0
        self._seen: dict[str, dict[str, Any]] = {}
        self._newest: dict[str, int] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Receiver:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kind = receiver.luck()
                if kind == "before":
                    self._say(503, {"applied": False})
                    return
                status, answer = receiver.take(dict(self.headers), body)
                if kind == "after":
                    self._say(500, "it worked, but you will not know")
                elif kind == "cut":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                else:
                    self._say(status, answer)

            def _say(self, status: int, answer: Any) -> None:
                raw = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/vigie?site=1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def luck(self) -> str:
        with self._lock:
            return self._random.choice(("before", "after", "cut")) if self._random.random() < self.trouble else ""

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        timestamp = headers["X-Vigie-Timestamp"]
        wanted = hmac.new(KEY.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        with self._lock:
            if not hmac.compare_digest(f"v1={wanted}", headers["X-Vigie-Signature"]) or abs(time.time() - int(timestamp)) > 300:
                self.forged += 1
                return 401, {"applied": False}
            self.requests.append(headers)
            if self.answer is not None:
                return self.answer
            if json.loads(body)["action"] == "ping":
                return 200, {"applied": True, "generation": self.generation}
            key = headers["Idempotency-Key"]
            if key not in self._seen:
                self._seen[key] = self._work(json.loads(body))
            return 200, self._seen[key]

    def _work(self, order: dict[str, Any]) -> dict[str, Any]:
        assert order["v"] == 1
        assert order["kind"] == "enforcement"
        action, aor = order["action"], order.get("aor", "")
        if order["order"] <= self._newest.get(aor, 0):
            return {"applied": True}
        self._newest[aor] = order["order"]
        self.done.append((action, aor))
        if action == "suspend":
            assert order["entry"]["emergency_allowed"] is True
            self.table[aor] = order["entry"]
        elif action == "lift":
            self.table.pop(aor, None)
        elif action == "end_calls":
            return {"applied": True, "calls_ended": 2}
        elif action == "remove_contacts":
            return {"applied": True, "contacts_removed": 1}
        return {"applied": True}
