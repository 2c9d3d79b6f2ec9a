"""A stand-in for OpenSIPS's mi_http, as its source describes it; it records every command it gets.

Faithful in what a client trips over: named parameters, "Value not found" with code 400, no empty value in the cache, a POST body no
larger than ``post_buf_size``, dialog values as a list of objects, and names of commands that changed with version 4.
"""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OLD = {"profile_list_dlgs", "dlg_end_dlg", "ul_rm", "ul_show_contact"}
NEW = {"dialog:profile_list_dlgs", "dialog:end_dlg", "usrloc:rm", "usrloc:show_contact"}
BOTH = {"uptime", "cache_store", "cache_fetch", "cache_remove"}


@dataclass
class Dialog:
    ident: str
    profile: tuple[str, str] | None
    values: dict[str, str] = field(default_factory=dict)
    state: int = 4


class Fault(Exception):
    def __init__(self, code: int, message: str) -> None:
        self.error = {"code": code, "message": message}


class Mi:
    """Runs inside the ``with`` block."""

    def __init__(self, new: bool = True, post_buf_size: int = 65_536) -> None:
        self.cache: dict[str, str] = {}
        self.dialogs: list[Dialog] = []
        self.contacts: dict[str, list[str]] = {}
        self.commands: list[dict[str, Any]] = []
        self.since = "Wed Jul  1 10:00:00 2026"
        self.known = BOTH | (NEW if new else OLD)
        self.post_buf_size = post_buf_size
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Mi:
        mi = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                mi._open.add(self.connection)

            def finish(self) -> None:
                mi._open.discard(self.connection)
                super().finish()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = mi.answer(body) if len(body) <= mi.post_buf_size and self.path == "/mi" else b""
                self.send_response(200 if answer else 400)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/mi"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def restart(self) -> None:
        self.cache, self.dialogs, self.contacts = {}, [], {}
        self.since = "Wed Jul  1 10:05:00 2026"
        self.hang_up()

    def hang_up(self) -> None:
        for one in list(self._open):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._open.discard(one)

    def answer(self, body: bytes) -> bytes:
        order = json.loads(body)
        self.commands.append(order)
        whole = {"jsonrpc": "2.0", "id": order["id"]}
        try:
            if order["method"] not in self.known:
                raise Fault(-32601, "Method not found")
            name = order["method"].replace(":", "_").removeprefix("dialog_").replace("usrloc_", "ul_").removeprefix("dlg_")
            whole["result"] = getattr(self, f"do_{name}")(**order.get("params", {}))
        except Fault as fault:
            whole["error"] = fault.error
        return json.dumps(whole).encode()

    def do_uptime(self) -> dict[str, str]:
        return {"Now": "Wed Jul  1 11:00:00 2026", "Up since": self.since, "Up time": "3600 [sec]"}

    def do_cache_store(self, system: str, attr: str, value: str) -> str:
        if not (system and attr and value):
            raise Fault(-32602, "Invalid params")
        if system != "local":
            raise Fault(500, "Cache store command failed")
        self.cache[attr] = value
        return "OK"

    def do_cache_fetch(self, system: str, attr: str) -> dict[str, str]:
        if attr not in self.cache:
            raise Fault(400, "Value not found")
        return {"key": attr, "value": self.cache[attr]}

    def do_cache_remove(self, system: str, attr: str) -> str:
        if self.cache.pop(attr, None) is None:
            raise Fault(500, "Cache remove command failed")
        return "OK"

    def do_profile_list_dlgs(self, profile: str, value: str) -> dict[str, Any]:
        if profile != "caller":
            raise Fault(404, "Profile not found")
        found = [one for one in self.dialogs if one.profile == (profile, value)]
        return {"Dialogs": [self._shown(one) for one in found]}

    @staticmethod
    def _shown(one: Dialog) -> dict[str, Any]:
        values = [{name: value} for name, value in one.values.items()]
        return {
            "ID": one.ident,
            "db_id": "6435136825927",
            "state": one.state,
            "CALLEES": [],
            "context": {"values": values} if values else {},
        }

    def do_end_dlg(self, dialog_id: str) -> str:
        one = next((one for one in self.dialogs if one.ident == dialog_id), None)
        if one is None or one.state == 5:
            raise Fault(404, "Requested Dialog not found")
        if one.state < 3:
            raise Fault(403, "Operation failed")
        self.dialogs.remove(one)
        return "OK"

    def do_ul_show_contact(self, table_name: str, aor: str) -> dict[str, Any]:
        if aor not in self.contacts:
            raise Fault(404, "AOR not found")
        return {"AOR": aor, "Contacts": [{"Contact": one} for one in self.contacts[aor]]}

    def do_ul_rm(self, table_name: str, aor: str) -> str:
        if table_name != "location":
            raise Fault(404, "Table not found")
        if self.contacts.pop(aor, None) is None:
            raise Fault(404, "AOR not found")
        return "OK"
