"""`vigie collect` on a real broker: nothing is lost while the broker is away, a file is rotated, or the collector is killed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from streams.facts import UNRESOLVED
from streams.partition import partition_of
from streams.wire import Wire
from support.collecting import PARTITIONS, Collecting, FakePbx, appended, heard, until
from support.kafka import Record, create_topic, produce
from vigie.dev.broker import Broker

FIXTURES = Path(__file__).parents[1] / "pbx" / "fixtures"


def invite(number: int, aor: str = "alice@pbx.example", call: str = "") -> bytes:
    """A line of Kamailio's script."""
    event = {"event": "invite", "ts": f"{1_795_466_000 + number}.000001", "aor": aor, "ruri": "sip:+33145678901@pbx.example"}
    return b"EVT " + json.dumps({**event, "call_id": call or f"c-{number}", "src_ip": "192.0.2.7", "user_agent": "x"}).encode() + b"\n"


def call_ids(records: list[Record]) -> set[str]:
    return {json.loads(one.value or b"{}").get("call_id", "") for one in records}


def wanted(first: int, count: int) -> set[str]:
    return {f"c-{number}" for number in range(first, first + count)}


def post(url: str, body: bytes, **headers: str) -> int:
    request = Request(url, body, {name.replace("_", "-"): value for name, value in headers.items()}, method="POST")
    try:
        with urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def test_lines_of_a_file_become_events_keyed_by_tenant_and_bad_ones_go_on_as_they_came(broker: Broker, prefix: str, tmp_path: Path) -> None:
    path = tmp_path / "events.log"
    register = b'EVT {"event":"register","ts":"1795466411.4","aor":"bob@pbx.example","contact":"<sip:b@192.0.2.8>;expires=60"}\n'
    path.write_bytes(invite(1) + b"\n" + register + b"INFO: nothing\n" + invite(2, "nobody@pbx.example"))
    with Collecting(broker, prefix, tmp_path) as world:
        world.start(f"file:{path}", "edge", "--from", "kamailio")
        calls = world.wait_for(3)
        [registration] = world.wait_for(1, "registrations")
    assert {one.key: one.partition for one in calls} == {key.encode(): partition_of(key, PARTITIONS) for key in ("acme", UNRESOLVED)}
    event = Wire().decode(next(one.value for one in calls if one.key == b"acme") or b"")
    assert (event.pbx, event.tenant, event.licence, event.call_id) == ("edge", "", "", "c-1")  # type: ignore[attr-defined]
    assert b"INFO: nothing" in {one.value for one in calls}
    assert registration.key == b"globe"


def test_a_broker_that_stops_under_load_costs_no_record(broker: Broker, prefix: str, tmp_path: Path) -> None:
    path, total = tmp_path / "events.log", 6_000
    path.touch()
    with Collecting(broker, prefix, tmp_path) as world:
        child, _ = world.start(f"file:{path}", "edge", "--from", "kamailio")

        def load() -> None:
            with appended(path) as write:
                for begin in range(0, total, 100):
                    write(b"".join(invite(number) for number in range(begin, begin + 100)))
                    time.sleep(0.1)

        writer = threading.Thread(target=load)
        writer.start()
        try:
            until(lambda: path.stat().st_size > 1_000)
            broker.stop()
            until(lambda: "records wait on disk" in world.text(), 60)
            broker.start()
            until(lambda: path.stat().st_size > 300_000, 60)
            broker.kill()
            time.sleep(1)
        finally:
            broker.start()
            writer.join()
        found = world.wait_for(total)
        assert call_ids(found) == wanted(0, total)
        # What was sent again has the same bytes, so the same id: detection counts it once.
        assert len({one.value for one in found}) == total
        assert child.status() is None


def test_a_collector_that_starts_while_the_broker_is_away_takes_records_and_sends_them_later(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    with Collecting(broker, prefix, tmp_path) as world:
        broker.stop()
        try:
            _, url = world.start("http:127.0.0.1:0/cdr", "edge", "--from", "kamailio")
            assert [post(url, invite(number)) for number in range(20)] == [200] * 20
        finally:
            broker.start()
        found = world.wait_for(20)
        assert call_ids(found) == wanted(0, 20)
        assert {one.key for one in found} == {b"acme"}


def test_a_file_is_followed_through_rename_truncation_and_a_line_that_is_not_complete(broker: Broker, prefix: str, tmp_path: Path) -> None:
    path = tmp_path / "events.log"
    with Collecting(broker, prefix, tmp_path) as world:
        world.start(f"file:{path}", "edge", "--from", "kamailio")
        with appended(path) as write:
            write(invite(0) + invite(1)[:30])
            world.wait_for(1)
            write(invite(1)[30:])
            world.wait_for(2)
            path.rename(tmp_path / "events.log.1")
            # The writer holds the renamed file until it is told to open the new one.
            write(invite(2))
            with appended(path) as anew:
                anew(invite(3))
                write(invite(4))
                world.wait_for(5)
                os.truncate(path, 0)
                until(lambda: "truncated" in world.text())
                anew(invite(5) + invite(6))
                found = world.wait_for(7)
    assert call_ids(found) == wanted(0, 7)
    assert len(found) == 7


def test_a_killed_collector_goes_on_at_its_place_also_in_files_that_were_rotated_meanwhile(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    path = tmp_path / "events.log"
    path.write_bytes(b"".join(invite(number) for number in range(50)))
    with Collecting(broker, prefix, tmp_path) as world:
        child, _ = world.start(f"file:{path}", "edge", "--from", "kamailio")
        world.wait_for(50)
        # A kill between the queue and the place sends records again; here both are written.
        until(lambda: json.loads((tmp_path / "state-edge" / "place").read_text())["offset"] == path.stat().st_size)
        time.sleep(1)
        os.kill(child.pid, signal.SIGKILL)
        until(lambda: child.status() is not None)
        with appended(path) as write:
            write(invite(50))
        path.rename(tmp_path / "events.log.2")
        (tmp_path / "events.log.1").write_bytes(invite(51) + invite(52))
        path.write_bytes(invite(53))
        world.start(f"file:{path}", "edge", "--from", "kamailio")
        found = world.wait_for(54)
    assert call_ids(found) == wanted(0, 54)
    assert len(found) == 54


def test_a_full_queue_refuses_posts_and_loses_none_that_it_took(broker: Broker, prefix: str, tmp_path: Path) -> None:
    with Collecting(broker, prefix, tmp_path) as world:
        broker.stop()
        try:
            _, url = world.start("http:127.0.0.1:0/cdr", "edge", "--from", "kamailio", "--queue-mb", "1")
            taken, number, status = set(), 0, 200
            while status == 200:
                status = post(url, invite(number, call=f"c-{number}-" + "x" * 60_000))
                if status == 200:
                    taken.add(number)
                number += 1
            assert status == 503
            assert 10 < len(taken) < 20
        finally:
            broker.start()
        found = world.wait_for(len(taken))
        assert {int(call.split("-")[1]) for call in call_ids(found)} == taken
        assert post(url, invite(number)) == 200
        world.wait_for(len(taken) + 1)


def test_posts_are_taken_only_at_the_path_and_with_the_credentials_or_the_signature(broker: Broker, prefix: str, tmp_path: Path) -> None:
    with Collecting(broker, prefix, tmp_path) as world:
        _, url = world.start("http:127.0.0.1:0/in", "edge", "--from", "kamailio", credentials=("pbx", "s3cret"))
        basic = "Basic " + base64.b64encode(b"pbx:s3cret").decode()
        assert post(url, invite(0)) == 401
        assert post(url.replace("/in", "/other"), invite(0), Authorization=basic) == 404
        assert post(url, b"x" * (2 << 20), Authorization=basic) == 413
        assert post(url, invite(0), Authorization=basic) == 200
        _, url = world.start("http:127.0.0.1:0/in", "yeastar", "--from", "kamailio", credentials=("", "k3y"))
        assert post(url, invite(1), X_Signature="bm8=") == 401
        signature = base64.b64encode(hmac.new(b"k3y", invite(1), hashlib.sha256).digest()).decode()
        assert post(url, invite(1), X_Signature=signature) == 200
        assert call_ids(world.wait_for(2)) == wanted(0, 2)


def test_json_cdrs_posted_by_freeswitch_become_calls(broker: Broker, prefix: str, tmp_path: Path) -> None:
    body = json.dumps(
        {
            "core-uuid": "c0",
            "channel_data": {"direction": "inbound"},
            "variables": {
                "uuid": "leg-1",
                "user_name": "alice",
                "domain_name": "pbx.example",
                "start_uepoch": "1795466411000000",
                "answer_uepoch": "1795466415000000",
                "end_uepoch": "1795466431000000",
            },
            "callflow": [{"caller_profile": {"destination_number": "%2B33145678901"}}],
        }
    ).encode()
    with Collecting(broker, prefix, tmp_path) as world:
        _, url = world.start("http:127.0.0.1:0/cdr", "fs", "--from", "freeswitch-cdr")
        form = {"Content_Type": "application/x-www-form-base64-encoded"}
        assert post(url, body, Content_Type="application/json") == 200
        assert post(url, b"cdr=" + base64.b64encode(body), **form) == 200
        until(lambda: len(world.records()) == 2)
        first, again = (json.loads(one.value or b"") for one in world.records())
    assert first == again
    assert (first["callee"], first["answered_at"]) == ("+33145678901", "2026-11-23T20:40:15.000Z")


def test_netstrings_of_evapi_are_taken_from_a_kamailio_that_comes_and_goes(broker: Broker, prefix: str, tmp_path: Path) -> None:
    sent: list[int] = []

    def kamailio(connection: socket.socket) -> None:
        number = len(sent)
        sent.append(number)
        event = invite(number).removeprefix(b"EVT ").strip()
        frame = b"%d:%s," % (len(event), event)
        connection.sendall(frame[:9])
        time.sleep(0.05)
        connection.sendall(frame[9:])
        connection.settimeout(60)
        connection.recv(1)

    with Collecting(broker, prefix, tmp_path) as world, FakePbx(kamailio) as pbx:
        world.start(f"tcp:127.0.0.1:{pbx.port}", "edge", "--from", "kamailio")
        world.wait_for(1)
        pbx.drop()
        found = world.wait_for(2)
    assert call_ids(found) == wanted(0, 2)


def test_lines_are_taken_from_a_log_daemon_that_connects(broker: Broker, prefix: str, tmp_path: Path) -> None:
    with Collecting(broker, prefix, tmp_path) as world:
        _, where = world.start("listen:127.0.0.1:0", "edge", "--from", "kamailio")
        host, _, port = where.rpartition(":")
        with socket.create_connection((host, int(port))) as one, socket.create_connection((host, int(port))) as other:
            one.sendall(b"<13>Nov 24 08:19:25 edge kamailio[1]: " + invite(0) + invite(1)[:40])
            other.sendall(invite(2))
            one.sendall(invite(1)[40:])
        assert call_ids(world.wait_for(3)) == wanted(0, 3)


AMI = b"""Event: Cdr\r
Privilege: cdr,all\r
AccountCode: \r
Source: alice\r
Destination: 0145678901\r
DestinationContext: out\r
CallerID: "Alice" <alice>\r
Channel: PJSIP/alice-0000002a\r
DestinationChannel: PJSIP/carrier-0000002b\r
LastApplication: Dial\r
LastData: PJSIP/0145678901@carrier\r
StartTime: 2026-07-01 10:00:00\r
AnswerTime: 2026-07-01 10:00:08\r
EndTime: 2026-07-01 10:01:20\r
Duration: 80\r
BillableSeconds: 72\r
Disposition: ANSWERED\r
AMAFlags: DOCUMENTATION\r
UniqueID: 1782892800.42\r
UserField: \r
\r
Event: ContactStatus\r
Privilege: system,all\r
URI: sip:alice@192.0.2.7:5060\r
ContactStatus: NonQualified\r
AOR: alice\r
EndpointName: alice\r
\r
Event: RTCPSent\r
Privilege: reporting,all\r
\r
"""


def test_events_come_from_ami_after_a_login_with_an_event_mask(broker: Broker, prefix: str, tmp_path: Path) -> None:
    logins: list[dict[str, str]] = []

    def asterisk(connection: socket.socket) -> None:
        connection.sendall(b"Asterisk Call Manager/9.0.0\r\n")
        said = heard(connection, b"\r\n\r\n").decode()
        login = dict(line.split(": ", 1) for line in said.strip().split("\r\n"))
        logins.append(login)
        identity = f"ActionID: {login['ActionID']}\r\n"
        if login["Secret"] != "s3cret" or len(logins) == 1:
            connection.sendall(f"Response: Error\r\n{identity}Message: Authentication failed\r\n\r\n".encode())
            return
        connection.sendall(f"Response: Success\r\n{identity}Message: Authentication accepted\r\n\r\n".encode())
        connection.sendall(b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n")
        for begin in range(0, len(AMI), 300):
            connection.sendall(AMI[begin : begin + 300])
        connection.settimeout(60)
        connection.recv(1)

    with Collecting(broker, prefix, tmp_path) as world, FakePbx(asterisk) as pbx:
        world.start(f"tcp:127.0.0.1:{pbx.port}", "ast", credentials=("vigie", "s3cret"))
        [call] = world.wait_for(1)
        [registration] = world.wait_for(1, "registrations")
        assert "AMI refused the login of vigie" in world.text()
    assert logins[1] == {
        "Action": "Login",
        "ActionID": "vigie-login",
        "Username": "vigie",
        "Secret": "s3cret",
        "Events": "call,cdr,security,system",
    }
    assert (call.key, json.loads(call.value or b"")["call_id"]) == (b"acme", "1782892800.42")
    # Asterisk wrote no time: that of its arrival stands there.
    assert json.loads(registration.value or b"")["aor"] == "alice@pbx.example"


def esl(body: dict[str, Any]) -> bytes:
    text = json.dumps(body).encode()
    return b"Content-Length: %d\nContent-Type: text/event-json\n\n%s" % (len(text), text)


def test_events_come_from_the_event_socket_after_authentication_and_subscription(broker: Broker, prefix: str, tmp_path: Path) -> None:
    said: list[bytes] = []
    lines = (FIXTURES / "constructed_freeswitch_events.jsonl").read_bytes().splitlines()

    def freeswitch(connection: socket.socket) -> None:
        connection.sendall(b"Content-Type: auth/request\n\n")
        said.append(heard(connection, b"\n\n"))
        connection.sendall(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
        said.append(heard(connection, b"\n\n"))
        connection.sendall(b"Content-Type: command/reply\nReply-Text: +OK event listener enabled json\n\n")
        stream = esl({"Event-Name": "HEARTBEAT", "Event-Info": "System Ready"}) + b"".join(esl(json.loads(line)) for line in lines)
        for begin in range(0, len(stream), 1_000):
            connection.sendall(stream[begin : begin + 1_000])
        connection.settimeout(60)
        connection.recv(1)

    with Collecting(broker, prefix, tmp_path) as world, FakePbx(freeswitch) as pbx:
        world.start(f"tcp:127.0.0.1:{pbx.port}", "fs", "--from", "freeswitch", credentials=("", "ClueCon"))
        registrations = world.wait_for(5, "registrations")
        calls = world.wait_for(6)
    assert said[0] == b"auth ClueCon\n\n"
    assert said[1].startswith(b"event json ")
    assert said[1].endswith(b"CUSTOM sofia::register sofia::unregister sofia::expire sofia::register_failure\n\n")
    assert (len(registrations), len(calls)) == (5, 6)


def test_what_opensips_produces_keyed_by_call_id_is_keyed_by_tenant(broker: Broker, prefix: str, tmp_path: Path) -> None:
    create_topic(broker.bootstrap, f"{prefix}opensips")
    lines = (FIXTURES / "constructed_opensips.jsonl").read_bytes().splitlines()
    produce(broker.bootstrap, f"{prefix}opensips", [(b"1f@192.0.2.7", line) for line in lines])
    with Collecting(broker, prefix, tmp_path) as world:
        child, _ = world.start(f"kafka:{prefix}opensips", "sips", "--from", "opensips")
        registrations = world.wait_for(4, "registrations")
        world.wait_for(2)
        child.stop(30)
        assert child.status() == 0
        # Started again it goes on behind what it took.
        world.start(f"kafka:{prefix}opensips", "sips", "--from", "opensips")
        produce(broker.bootstrap, f"{prefix}opensips", [(None, lines[-1].replace(b"call-2", b"call-9"))])
        calls = world.wait_for(3)
    assert {one.key for one in registrations} == {b"acme"}
    assert len(registrations) == 4
    assert len(calls) == 3


def test_two_collectors_on_one_state_are_refused_and_a_bad_source_is_told(broker: Broker, prefix: str, tmp_path: Path) -> None:
    with Collecting(broker, prefix, tmp_path) as world:
        child, _ = world.start(f"file:{tmp_path / 'x.log'}", "edge", "--from", "kamailio")
        with pytest.raises(AssertionError, match="another collector uses it"):
            world.start(f"file:{tmp_path / 'x.log'}", "edge", "--from", "kamailio")
        with pytest.raises(AssertionError, match="listen:HOST:PORT"):
            world.start("carrier-pigeon:coop", "loft", "--from", "kamailio")
        with pytest.raises(AssertionError, match="VIGIE_PBX_USER"):
            world.start("tcp:127.0.0.1:1", "ast")
        child.stop(30)
        assert child.status() == 0
