"""The ``vigie`` command: what there is, and what its exit status says.

0  done
1  ``schema --check``, ``rules docs --check``: the files on disk differ; ``explain``: there is no such alert; ``meter``: nor such a
   verdict; ``topics``: one is missing or differs; ``dev up``: a process ended by itself; ``audit verify``: the log was changed;
   ``models drift``: the decision mix moved
2  asked for something impossible, or with a policy that cannot be used
3  an input, a database or a broker could not be used
"""

from __future__ import annotations

from typing import Annotated

import typer

from vigie import version
from vigie.bootstrap import bootstrap
from vigie.bridge import bridge
from vigie.campaigns import campaigns_command
from vigie.collect import collect
from vigie.console import audit_app, console_app
from vigie.detect import detect
from vigie.dev.up import dev_app
from vigie.explain import explain
from vigie.features import features
from vigie.geo import geo_app
from vigie.ingest import ingest
from vigie.labels import labels_app
from vigie.log import log_app
from vigie.meter import meter
from vigie.models import models_app
from vigie.notify import notify
from vigie.numbers import numbers_app
from vigie.replay import replay
from vigie.rules import rules_app
from vigie.run import run
from vigie.schema import schema
from vigie.score import score
from vigie.scorer import scorer
from vigie.topics import topics_app
from vigie.train import train
from vigie.voice_servers import voice_servers_command

app = typer.Typer(
    name="vigie",
    help="Watches the registrations and calls of a hosted-telephony provider and says which contract clause is broken.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(run)
app.command()(explain)
app.command()(features)
app.command("campaigns")(campaigns_command)
app.command()(meter)
app.command("voice-servers")(voice_servers_command)
app.command()(ingest)
app.command()(schema)
app.command()(detect)
app.command()(bootstrap)
app.command()(bridge)
app.command()(collect)
app.command()(replay)
app.command()(notify)
app.command()(train)
app.command()(score)
app.command()(scorer)
app.add_typer(log_app, name="log")
app.add_typer(geo_app, name="geo")
app.add_typer(numbers_app, name="numbers")
app.add_typer(labels_app, name="labels")
app.add_typer(rules_app, name="rules")
app.add_typer(dev_app, name="dev")
app.add_typer(topics_app, name="topics")
app.add_typer(console_app, name="console")
app.add_typer(audit_app, name="audit")
app.add_typer(models_app, name="models")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vigie {version()}")
        raise typer.Exit


@app.callback()
def _options(show: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False) -> None:
    pass


def main() -> None:
    """Run the command line."""
    app()
