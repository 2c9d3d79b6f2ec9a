"""A stand-in for Asterisk's manager interface, as its source and reference describe it; it records every action it gets.

Faithful in what a client trips over: a banner, CRLF, ActionID returned, lists with events and a closing one, unasked-for events
in between, lines over 1,024 bytes dropped in silence, ``Hangup`` with a regular expression, ``(null)`` for unset variables, errors
in the words of ``main/manager.c`` and ``main/db.c``.
"""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from dataclasses import dataclass, field


@dataclass
class Channel:
    name: str
    linkedid: str
    variables: dict[str, str] = field(default_factory=dict)


class Ami:
    """Runs inside the ``with`` block."""

    def __init__(self, secret: str = "s3cret") -> None:
        self.secret = secret
        self.database: dict[str, str] = {}
        self.channels: list[Channel] = []
        self.actions: list[dict[str, str]] = []
        self.started = "10:00:00"
        self.old = False
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Ami:
        ami = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                ami._open.add(self.connection)
                try:
                    Session(ami, self).run()
                except OSError:
                    pass
                finally:
                    ami._open.discard(self.connection)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"ami://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def hang_up(self) -> None:
        """What a restart does to the connections."""
        for one in list(self._open):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._open.discard(one)

    def sent(self, action: str) -> list[dict[str, str]]:
        return [one for one in self.actions if one["Action"] == action]


class Session:
    def __init__(self, ami: Ami, handler: socketserver.StreamRequestHandler) -> None:
        self.ami, self.input, self.output = ami, handler.rfile, handler.wfile
        self.inside = False

    def run(self) -> None:
        self.output.write(b"Asterisk Call Manager/7.0.3\r\n")
        action: dict[str, str] = {}
        while line := self.input.readline():
            if len(line) > 1024:
                continue
            text = line.decode().rstrip("\r\n")
            if text:
                name, _, value = text.partition(":")
                action[name] = value.strip()
            elif action:
                self.ami.actions.append(action)
                self.perform(action)
                action = {}

    def say(self, *lines: str, number: str = "") -> None:
        ident = [f"ActionID: {number}"] if number else []
        self.output.write(("\r\n".join([lines[0], *ident, *lines[1:]]) + "\r\n\r\n").encode())

    def perform(self, action: dict[str, str]) -> None:
        name, number = action.get("Action", ""), action.get("ActionID", "")
        if name == "Login":
            self.inside = action.get("Secret") == self.ami.secret
            if self.inside:
                self.say("Response: Success", "Message: Authentication accepted", number=number)
                self.say("Event: FullyBooted", "Privilege: system,all", "Status: Fully Booted")
            else:
                self.say("Response: Error", "Message: Authentication failed", number=number)
        elif not self.inside:
            self.say("Response: Error", "Message: Permission denied", number=number)
        elif known := getattr(self, f"do_{name}", None):
            known(action, number)
        else:
            self.error("Invalid/unknown command: " + name, number)

    def error(self, message: str, number: str) -> None:
        self.say("Response: Error", f"Message: {message}", number=number)

    def success(self, message: str, number: str) -> None:
        self.say("Response: Success", f"Message: {message}", number=number)

    def do_CoreStatus(self, action: dict[str, str], number: str) -> None:
        self.say(
            "Response: Success", "CoreStartupDate: 2026-07-01", f"CoreStartupTime: {self.ami.started}", "CoreCurrentCalls: 1", number=number
        )

    def do_DBPut(self, action: dict[str, str], number: str) -> None:
        for part in ("Family", "Key", "Val"):
            if not action.get(part):
                self.error(f"No {part.lower()} specified", number)
                return
        self.ami.database[f"/{action['Family']}/{action['Key']}"] = action["Val"]
        self.success("Updated database successfully", number)

    def do_DBGet(self, action: dict[str, str], number: str) -> None:
        value = self.ami.database.get(f"/{action['Family']}/{action['Key']}")
        if value is None:
            self.error("Database entry not found", number)
            return
        self.say("Response: Success", "EventList: start", "Message: Result will follow", number=number)
        self.say("Event: DBGetResponse", f"Family: {action['Family']}", f"Key: {action['Key']}", f"Val: {value}", number=number)
        self.say("Event: DBGetComplete", "EventList: Complete", "ListItems: 1", number=number)

    def do_DBDel(self, action: dict[str, str], number: str) -> None:
        if self.ami.database.pop(f"/{action['Family']}/{action['Key']}", None) is None:
            self.error("Database entry could not be deleted", number)
        else:
            self.success("Key deleted successfully", number)

    def do_DBGetTree(self, action: dict[str, str], number: str) -> None:
        if self.ami.old:
            self.error("Invalid/unknown command: DBGetTree. Use Action: ListCommands to show available commands.", number)
            return
        start = f"/{action['Family']}/" if action.get("Family") else ""
        self.say("Response: Success", "EventList: start", "Message: Result will follow", number=number)
        found = sorted(key for key in self.ami.database if key.startswith(start))
        for key in found:
            self.output.write(
                f"Event: DBGetTreeResponse\r\nKey: {key}\r\nVal: {self.ami.database[key]}\r\nActionID: {number}\r\n\r\n".encode()
            )
        self.say("Event: DBGetTreeComplete", "EventList: Complete", f"ListItems: {len(found)}", number=number)

    def do_Status(self, action: dict[str, str], number: str) -> None:
        wanted = [one for one in action.get("Variables", "").split(",") if one]
        self.say("Response: Success", "EventList: start", "Message: Channel status will follow", number=number)
        for channel in list(self.ami.channels):
            variables = [f"Variable: {one}={channel.variables.get(one, '(null)')}" for one in wanted]
            self.say("Event: Newexten", "Channel: PJSIP/other-00000001", "Extension: s")
            self.output.write(
                "\r\n".join(
                    [
                        *("Event: Status", "Privilege: Call", f"Channel: {channel.name}", f"Uniqueid: {channel.linkedid}.1"),
                        *(f"Linkedid: {channel.linkedid}", *variables, f"ActionID: {number}", "", ""),
                    ]
                ).encode()
            )
        self.say("Event: StatusComplete", "EventList: Complete", "Items: 1", number=number)

    def do_Hangup(self, action: dict[str, str], number: str) -> None:
        name = action.get("Channel", "")
        if not name:
            self.error("No channel specified", number)
            return
        if name.startswith("/") and name.endswith("/"):
            pattern = re.compile(name.strip("/"))
            self.ami.channels = [one for one in self.ami.channels if not pattern.search(one.name)]
            self.success("Channels hung up", number)
            return
        left = [one for one in self.ami.channels if one.name != name]
        if len(left) == len(self.ami.channels):
            self.error("No such channel", number)
        else:
            self.ami.channels = left
            self.success("Channel Hungup", number)
