"""Records that a PBX posts: CDRs of mod_json_cdr, webhooks. A post is answered with 200 once its record is on the disk."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pbx.framing import LONGEST
from streams.errors import UsageError
from streams.live.collect_intake import Intake
from streams.live.collect_queue import QueueFull, QueueUnusable

#: A client that sends nothing for so long is dropped, s.
PATIENCE_S = 30
#: What a client that is refused for want of room is told to wait, s.
RETRY_S = 10
SIGNATURE = "X-Signature"
#: So much of a refused body is read before it is refused, bytes.
MOST_SKIPPED = 64 << 20


class HttpSource:
    """A small web server for one PBX. It speaks no TLS: it belongs on the loopback address behind a proxy, or in the PBX's own network.

    Args:
        host: address to listen on.
        port: port to listen on, 0 for any.
        path: the only one that is answered; a long random one is a password that every PBX can send.
        user: for basic authentication, or ``""``.
        secret: of ``user``; without a user, the key of the signature ``X-Signature: base64(HMAC-SHA256(body))``. Empty: all may post.
        intake: gets the records.
        stopping: ends it.
    """

    def __init__(self, host: str, port: int, path: str, user: str, secret: str, intake: Intake, stopping: threading.Event) -> None:
        self._address, self._path, self._stopping = (host, port), path or "/", stopping
        self._user, self._secret, self._intake = user, secret.encode(), intake
        self._server: ThreadingHTTPServer | None = None
        self.problem = "not listening yet"

    def start(self) -> str:
        """Listen; says where.

        Raises:
            UsageError: the port is taken.
        """
        try:
            self._server = ThreadingHTTPServer(self._address, self._handler())
        except OSError as error:
            raise UsageError(f"{self._address[0]}:{self._address[1]}: cannot listen there ({error.strerror})") from error
        self._server.daemon_threads = True
        self.problem = ""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}{self._path}"

    def run(self) -> None:
        """Answer until ``stopping`` is set."""
        assert self._server is not None
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, name="http", daemon=True).start()
        self._stopping.wait()
        self._server.shutdown()
        self._server.server_close()

    def _allowed(self, authorization: str, signature: str, body: bytes) -> bool:
        if not self._secret:
            return True
        if self._user:
            wanted = b"Basic " + base64.b64encode(self._user.encode() + b":" + self._secret)
            return hmac.compare_digest(authorization.encode("utf-8", "replace"), wanted)
        wanted = base64.b64encode(hmac.new(self._secret, body, hashlib.sha256).digest())
        return hmac.compare_digest(signature.encode("utf-8", "replace"), wanted)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        source = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = PATIENCE_S

            def do_POST(self) -> None:
                if self.path.partition("?")[0] != source._path:
                    self._answer(404, "nothing is taken at this path")
                    return
                length = self.headers.get("Content-Length", "")
                if not (length.isascii() and length.isdigit()):
                    self._answer(411, "a Content-Length is needed")
                    return
                if int(length) > LONGEST:
                    self._skip(int(length))
                    self._answer(413, f"at most {LONGEST} bytes")
                    return
                body = self.rfile.read(int(length))
                if len(body) < int(length):
                    self.close_connection = True
                    return
                if not source._allowed(self.headers.get("Authorization", ""), self.headers.get(SIGNATURE, ""), body):
                    self._answer(401, "wrong credentials or signature")
                    return
                try:
                    source._intake.offer([b" ".join(body.splitlines())])
                except QueueFull:
                    self._answer(503, "the queue is full; send it again")
                except QueueUnusable:
                    self._answer(503, "the disk refused; send it again")
                else:
                    self._answer(200, "taken")

            def _skip(self, length: int) -> None:
                """Read what is refused: a client that is still sending when we close sees a broken connection, and not why."""
                left = min(length, MOST_SKIPPED)
                while left > 0 and (read := self.rfile.read(min(left, 1 << 16))):
                    left -= len(read)

            def _answer(self, status: int, text: str) -> None:
                body = text.encode() + b"\n"
                if status != 200:
                    # What was not read of a refused body must not be taken for the next request.
                    self.close_connection = True
                self.send_response(status)
                if status == 401 and source._user:
                    self.send_header("WWW-Authenticate", 'Basic realm="vigie"')
                if status == 503:
                    self.send_header("Retry-After", str(RETRY_S))
                if self.close_connection:
                    self.send_header("Connection", "close")
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """A line per CDR would bury what matters."""

        return Handler
