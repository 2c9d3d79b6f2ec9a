"""``vigie topics``: create the topics of the contracts, and check that they are as they must be."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detectors.errors import VigieError
from streams.partition import PARTITIONS
from streams.topics import PREFIX, REPLICATION, Difference, Existing, Layout, plan, wanted

# The client takes 80 ms to import, and `vigie run` needs none of it: it is imported where it is used.
if TYPE_CHECKING:
    from kafka.admin import KafkaAdminClient

BOOTSTRAP = "127.0.0.1:9092"
#: A broker that has not answered by then is not there, seconds.
ANSWER_S = 10
#: Kafka's error codes.
ALREADY_EXISTS = 36
TOO_FEW_BROKERS = 38
#: Differences that the message of a refused command shows; `vigie topics check` shows all.
SHOWN = 3

# The client reports each refused connection in lines of its own; what a person needs is one error, and gets it.
logging.getLogger("kafka").addHandler(logging.NullHandler())

topics_app = typer.Typer(help="Kafka topics: create them, check them.", no_args_is_help=True)

Bootstrap = Annotated[str, typer.Option("--bootstrap", metavar="HOST:PORT", help="A Kafka broker, or several separated by commas.")]
Prefix = Annotated[str, typer.Option("--prefix", help="In front of every topic's name.")]
Copies = Annotated[int, typer.Option("--replication", min=1, help="Copies of each partition.")]
Partitions = Annotated[int, typer.Option("--partitions", min=1, help="Partitions of the log and of all topics that are joined.")]
Pbxes = Annotated[
    list[str] | None, typer.Option("--pbx", metavar="NAME", help="A PBX with input topics of its own; may be repeated.", show_default=False)
]


class BrokerUnreachable(VigieError):
    """No broker answered, or it refused. The message names the address."""

    exit_status = 3


class TopicsDiffer(VigieError):
    """Topics are missing or not as the contracts want them: nothing may run on them."""

    exit_status = 3


@topics_app.command("create")
def create_command(
    bootstrap: Bootstrap = BOOTSTRAP,
    prefix: Prefix = PREFIX,
    replication: Copies = REPLICATION,
    partitions: Partitions = PARTITIONS,
    pbx: Pbxes = None,
) -> None:
    """Create the topics that are missing, then check all; never alters one that is there."""
    layout = Layout(prefix, partitions, replication, tuple(pbx or ()))
    out = Console()
    try:
        for name in create(bootstrap, layout):
            out.print(f"created {name}", soft_wrap=True, markup=False, highlight=False)
        differences = check(bootstrap, layout)
    except VigieError as error:
        _fail(error)
    _report(differences, layout)


@topics_app.command("check")
def check_command(
    bootstrap: Bootstrap = BOOTSTRAP,
    prefix: Prefix = PREFIX,
    replication: Copies = REPLICATION,
    partitions: Partitions = PARTITIONS,
    pbx: Pbxes = None,
) -> None:
    """Compare the topics with the contracts; exit status 1 when one is missing or differs."""
    layout = Layout(prefix, partitions, replication, tuple(pbx or ()))
    try:
        differences = check(bootstrap, layout)
    except VigieError as error:
        _fail(error)
    _report(differences, layout)


def create(bootstrap: str, layout: Layout) -> list[str]:
    """Create the topics that are missing, and wait until each has a leader.

    Args:
        bootstrap: a broker's host and port.
        layout: what the operator chose.

    Returns:
        Names of the topics that were created, sorted.

    Raises:
        BrokerUnreachable: no broker answered.
        TopicsDiffer: the broker refused to create one; the message says why.
    """
    with _admin(bootstrap) as admin:
        there = _existing(admin, layout.prefix)
        missing = {topic.name: topic for topic in wanted(layout, there) if topic.name not in there}
        if missing:
            requests = {
                name: {"num_partitions": topic.partitions, "replication_factor": topic.replication, "configs": topic.settings}
                for name, topic in missing.items()
            }
            made = admin.create_topics(requests, raise_errors=False)
            # One that someone else created since we looked is there, as wanted.
            refused = [one for one in made["topics"] if one["error_code"] not in (0, ALREADY_EXISTS)]
            if refused:
                why = refused[0]["error_message"] or f"error {refused[0]['error_code']}"
                hint = "; a cluster of fewer brokers takes --replication 1" if refused[0]["error_code"] == TOO_FEW_BROKERS else ""
                raise TopicsDiffer(f"Kafka did not create {refused[0]['name']}: {why.rstrip('.')}{hint}")
            admin.wait_for_topics(list(missing))
    return sorted(missing)


def check(bootstrap: str, layout: Layout) -> list[Difference]:
    """What differs between the topics of a broker and the contracts; empty when nothing does.

    Raises:
        BrokerUnreachable: no broker answered.
    """
    with _admin(bootstrap) as admin:
        return plan(_existing(admin, layout.prefix), layout)


def require_topics(bootstrap: str, prefix: str = PREFIX) -> int:
    """Refuse to run on topics that differ from the contracts; every command that reads or writes them asks this first.

    How many partitions and copies there are was the operator's choice and is not judged here, only that joined topics agree.

    Args:
        bootstrap: a broker's host and port.
        prefix: in front of every topic's name.

    Returns:
        How many partitions the log has.

    Raises:
        BrokerUnreachable: no broker answered.
        TopicsDiffer: one is missing or differs; the message names topic, setting, what was found and what must be.
    """
    layout = Layout(prefix, partitions=None, replication=None)
    with _admin(bootstrap) as admin:
        there = _existing(admin, prefix)
    differences = plan(there, layout)
    if differences:
        named = [f"{one.topic}: {one.setting} is {one.found}, must be {one.wanted}" for one in differences[:SHOWN]]
        more = f" (and {len(differences) - SHOWN} more)" if len(differences) > SHOWN else ""
        advice = f"vigie topics create --bootstrap {bootstrap} --prefix {prefix} makes the missing ones"
        raise TopicsDiffer(f"the topics differ from the contracts: {'; '.join(named)}{more}; {advice}")
    return there[f"{prefix}events"].partitions


@contextmanager
def _admin(bootstrap: str) -> Iterator[KafkaAdminClient]:
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

    try:
        _call(bootstrap)
        with KafkaAdminClient(
            bootstrap_servers=bootstrap.split(","), client_id="vigie-topics", bootstrap_timeout_ms=ANSWER_S * 1000
        ) as admin:
            yield admin
    except KafkaError as error:
        raise BrokerUnreachable(f"no answer from Kafka at {bootstrap} ({error}); is it started, and is --bootstrap right?") from error


def _call(bootstrap: str) -> None:
    """See whether anyone listens: the client would try for the whole of ``ANSWER_S``, and not say what was wrong.

    Raises:
        BrokerUnreachable: no address of them accepts a connection.
    """
    refusal: OSError | None = None
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        if not host or not port.isdecimal():
            raise BrokerUnreachable(f"{address.strip()!r} is no address of a broker; write HOST:PORT")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
            return
        except OSError as error:
            refusal = error
    why = refusal.strerror or str(refusal) if refusal else ""
    raise BrokerUnreachable(f"no answer from Kafka at {bootstrap} ({why}); is it started, and is --bootstrap right?") from refusal


def _existing(admin: KafkaAdminClient, prefix: str) -> dict[str, Existing]:
    from kafka.admin import ConfigResource, ConfigResourceType

    topics = {topic["name"]: topic["partitions"] for topic in admin.describe_topics() if topic["name"].startswith(prefix)}
    if not topics:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(topics)]
    # All settings: one that we want and that is the broker's default is not among the modified ones.
    settings = admin.describe_configs(resources, config_filter="all")["topic"]
    return {
        name: Existing(
            partitions=len(partitions),
            replication=min((len(one["replica_nodes"]) for one in partitions), default=0),
            settings={key: one["value"] for key, one in settings[name].items() if one["value"] is not None},
        )
        for name, partitions in topics.items()
    }


def _report(differences: Sequence[Difference], layout: Layout) -> None:
    # A log has no width: names and numbers must not be broken there.
    out = Console() if Console().is_terminal else Console(width=140)
    if not differences:
        count, parts, copies = len(wanted(layout)), layout.partitions, layout.replication
        out.print(f"{count} topics are as the contracts want them: {parts} partitions, replication {copies}.", highlight=False)
        return
    table = Table(title="Topics that differ from the contracts", title_justify="left")
    for column in ("topic", "setting", "found", "wanted"):
        table.add_column(column, overflow="fold", justify="left")
    for one in differences:
        table.add_row(one.topic, one.setting, f"[red]{escape(one.found)}[/red]", one.wanted)
    out.print(table)
    out.print(
        "Nothing runs on these. `vigie topics create` makes missing ones; a setting is altered with Kafka's own tools, after thought."
    )
    raise typer.Exit(1)


def _fail(error: VigieError) -> NoReturn:
    Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
    raise typer.Exit(getattr(error, "exit_status", 3))
