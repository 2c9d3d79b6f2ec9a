"""A stand-in for FreeSWITCH's event socket with mod_hash, as their source describes them; it records every API command it gets.

Faithful in what a client trips over: ``auth/request`` first, bodies by ``Content-Length``, events between answers, ``hash_dump``
that lists every key holding the realm's name anywhere, and ``flush_inbound_reg`` that without argument drops everybody.
"""

from __future__ import annotations

import json
import re
import socket
import socketserver
import threading
from dataclasses import dataclass, field


@dataclass
class Leg:
    uuid: str
    direction: str = "inbound"
    variables: dict[str, str] = field(default_factory=dict)


class Esl:
    """Runs inside the ``with`` block."""

    def __init__(self, password: str = "ClueCon") -> None:
        self.password = password
        self.hash: dict[str, str] = {}
        self.legs: list[Leg] = []
        self.registrations: list[tuple[str, str]] = []
        self.core = "8f1c"
        self.orders: list[str] = []
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Esl:
        esl = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                esl._open.add(self.connection)
                try:
                    Session(esl, self).run()
                except OSError:
                    pass
                finally:
                    esl._open.discard(self.connection)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"esl://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def restart(self) -> None:
        self.hash.clear()
        self.legs, self.registrations, self.core = [], [], self.core + "+"
        self.hang_up()

    def hang_up(self) -> None:
        for one in list(self._open):
            try:
                one.sendall(b"Content-Type: text/disconnect-notice\nContent-Length: 14\n\nDisconnected.\n")
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._open.discard(one)

    # -- the API --------------------------------------------------------------------------------------------------------------

    def api(self, order: str) -> str:
        self.orders.append(order)
        name, _, rest = order.partition(" ")
        known = getattr(self, f"do_{name}", None)
        return known(rest) if known else f"-ERR {name} Command not found!\n"

    def do_hash(self, rest: str) -> str:
        parts = rest.split("/", 3)
        if len(parts) < 3:
            return "-ERR Usage: hash insert|insert_ifempty|select|delete|delete_ifmatch/realm/key[/value]\n"
        key = f"{parts[1]}_{parts[2]}"
        if parts[0] == "insert" and len(parts) == 4:
            self.hash[key] = parts[3]
            return "+OK\n"
        if parts[0] == "delete":
            return "-ERR Not found\n" if self.hash.pop(key, None) is None else "+OK\n"
        if parts[0] == "select":
            return self.hash.get(key, "")
        return "-ERR Usage: hash\n"

    def do_hash_dump(self, rest: str) -> str:
        kind, _, realm = rest.partition(" ")
        if kind != "db":
            return "Usage: all|limit|db [<realm>]\n"
        return "".join(f"D/{key}/{value}\n" for key, value in self.hash.items() if f"{realm}_" in key)

    def do_global_getvar(self, rest: str) -> str:
        return self.core if rest == "core_uuid" else ""

    def do_show(self, rest: str) -> str:
        if rest == "channels as json":
            rows = [{"uuid": leg.uuid, "direction": leg.direction, "state": "CS_EXECUTE"} for leg in self.legs]
        elif rest == "registrations as json":
            rows = [{"reg_user": user, "realm": domain, "url": "sofia/internal"} for user, domain in self.registrations]
        else:
            return "-USAGE: show codec|endpoint|channels\n"
        return json.dumps({"row_count": len(rows), "rows": rows} if rows else {"row_count": 0}) + "\n"

    def do_eval(self, rest: str) -> str:
        found = re.fullmatch(r"uuid:(\S+) (.*)", rest)
        leg = next((one for one in self.legs if found and one.uuid == found[1]), None)
        if not found or leg is None:
            return "-ERR No such channel!\n"
        return re.sub(r"\$\{(\w+)\}", lambda name: leg.variables.get(name[1], ""), found[2])

    def do_uuid_kill(self, rest: str) -> str:
        uuid = rest.split(" ")[0]
        left = [one for one in self.legs if one.uuid != uuid]
        gone = len(left) < len(self.legs)
        self.legs = left
        return "+OK\n" if gone else "-ERR No such channel!\n"

    def do_sofia(self, rest: str) -> str:
        words = rest.split()
        if words[:1] != ["profile"] or words[2:3] != ["flush_inbound_reg"]:
            return "-ERR Unknown command!\n"
        if words[1] not in ("internal", "phones"):
            return f"Invalid Profile [{words[1]}]"
        if len(words) == 3:
            self.registrations = []
            return "+OK flushing all registrations\n"
        self.registrations = [one for one in self.registrations if "@".join(one).lower() != words[3]]
        return "+OK flushing all registrations matching specified call_id\n"


class Session:
    def __init__(self, esl: Esl, handler: socketserver.StreamRequestHandler) -> None:
        self.esl, self.input, self.output = esl, handler.rfile, handler.wfile

    def run(self) -> None:
        self.output.write(b"Content-Type: auth/request\n\n")
        inside = False
        while line := self.input.readline():
            text = line.decode().rstrip("\n")
            if not text:
                continue
            self.input.readline()
            if text.startswith("auth "):
                inside = text == f"auth {self.esl.password}"
                self.output.write(b"Content-Type: command/reply\nReply-Text: %b\n\n" % (b"+OK accepted" if inside else b"-ERR invalid"))
            elif inside and text.startswith("api "):
                body = b'{"Event-Name":"HEARTBEAT"}'
                self.output.write(b"Content-Length: %d\nContent-Type: text/event-json\n\n%b" % (len(body), body))
                answer = self.esl.api(text.removeprefix("api ")).encode()
                self.output.write(b"Content-Type: api/response\nContent-Length: %d\n\n%b" % (len(answer), answer))
            else:
                self.output.write(b"Content-Type: command/reply\nReply-Text: -ERR command not found\n\n")
