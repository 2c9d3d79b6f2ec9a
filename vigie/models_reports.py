"""What ``vigie models compare``, ``shadow`` and ``drift`` measure, as tables and files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detectors.days import number
from detectors.errors import VigieError
from models.registry import aliases, loading, moving, reports, signing, store
from models.registry.aliases import Roles
from models.registry.compare_page import RULES_ALONE, WORDS, ordered, shown, verdict
from models.registry.errors import MoveRefused
from models.registry.loading import Loaded
from models.registry.reports import Report, Side
from models.registry.signing import Publishers
from streams.durable import replace_file
from streams.errors import UsageError
from streams.times import check_day, format_time
from vigie.run import exit_status
from vigie.train import Steps

#: Recipes that ship; today's costs and capacity stand there.
RECIPES = Path(__file__).resolve().parents[1] / "recipes"
#: Ids that a terminal shows; all of them are in --out.
_SHOWN = 12
#: Features that a terminal shows: the farthest.
_FARTHEST = 12
_COLOURS = {"better": "green", "worse": "red", "watch": "yellow", "act": "red"}

Registry = Annotated[Path, typer.Option("--registry", help="The folder that vigie train writes models to.", show_default=False)]
Out = Annotated[Path | None, typer.Option("--out", help="Write a page (.html) or the numbers (.json).", show_default=False)]
Recipe = Annotated[Path | None, typer.Option("--recipe", help="Instead of the model's own in recipes/.", show_default=False)]


def compare_command(
    champion: Annotated[str, typer.Argument(help="A version, NAME@champion, or rules for rules alone.", show_default=False)],
    candidate: Annotated[str, typer.Argument(help="A version, NAME@candidate or NAME@challenger.", show_default=False)],
    registry: Registry,
    labels: Annotated[Path | None, typer.Option("--labels", help="Judged alerts (vigie labels export).", show_default=False)] = None,
    features: Annotated[Path | None, typer.Option("--features", help="Licence-days (vigie features).", show_default=False)] = None,
    recipe: Recipe = None,
    out: Out = None,
) -> None:
    """Compare two versions on the same rows: ranking, work at today's capacity, euros, slices, and the alerts that change sides."""
    try:
        _check_out(out)
        if labels is None and features is None:
            raise UsageError("give --labels FILE, --features FILE or both: rows to compare on")
        publishers = signing.read_publishers(registry)
        new = _reference(registry, candidate, publishers)
        if new is None:
            raise UsageError("the candidate is a version, not rules: vigie models compare rules NAME@candidate")
        report = _measure(registry, _reference(registry, champion, publishers), new, features, labels, recipe)
    except VigieError as error:
        _fail(error)
    _show(report)
    _write(out, report, "compare")


def shadow_report(
    registry: Path,
    name: str,
    version: str,
    features: Path,
    labels: Path | None,
    recipe: Path | None,
    publishers: Publishers,
    now: int,
) -> None:
    """Run a version beside the champion in force, print what was found and write its report.

    Args:
        registry: its folder.
        name: of the model.
        version: of the model.
        features: file of licence-days.
        labels: file of judged alerts.
        recipe: instead of the model's own.
        publishers: whose keys count.
        now: milliseconds.

    Raises:
        MoveRefused: the champion cannot be loaded, or it is the version itself.
        VigieError: a file or model cannot be used.
    """
    champion = aliases.current(registry, publishers).get(name, Roles()).champion
    try:
        loaded = loading.load(registry, name, champion, publishers) if champion else None
    except VigieError as error:
        text = f"the champion {champion} cannot be loaded ({error})"
        raise MoveRefused(f"{text}; go back first: vigie models rollback {name}, or with --to none") from None
    if champion == version:
        raise MoveRefused(f"{version}: is champion already; a shadow run is for another version")
    report = _measure(registry, loaded, loading.load(registry, name, version, publishers), features, labels, recipe)
    report = msgspec.structs.replace(report, made_at=format_time(now))
    _show(report)
    path, sha256 = reports.write(registry, report)
    _print(f"shadow report {sha256[:12]}… in {path}")
    manifest = loading.load(registry, name, version, publishers).manifest
    try:
        reports.require(report, manifest, report.manifest_sha256, champion, now)
    except MoveRefused as error:
        Console().print(f"[yellow]cannot be promoted on it:[/yellow] {escape(str(error))}", soft_wrap=True)
    else:
        _print(f"good enough to ask: vigie models promote {name} {version} --registry {registry} --key FILE")


def drift_command(
    name: Annotated[str, typer.Argument(help="The model: autodial, call-centre…", show_default=False)],
    registry: Registry,
    features: Annotated[Path, typer.Option("--features", help="Licence-days of these weeks (vigie features).", show_default=False)],
    version: Annotated[str, typer.Option("--version", help="A version, candidate or challenger.")] = "champion",
    labels: Annotated[Path | None, typer.Option("--labels", help="Judged alerts (vigie labels export).", show_default=False)] = None,
    recipe: Recipe = None,
    from_: Annotated[str | None, typer.Option("--from", help="First day that counts.", show_default=False)] = None,
    to: Annotated[str | None, typer.Option("--to", help="First day that counts no more.", show_default=False)] = None,
    out: Out = None,
    metrics: Annotated[Path | None, typer.Option("--metrics", help="Write a textfile for Prometheus.", show_default=False)] = None,
) -> None:
    """Say how far features, score, verdicts and decision mix are from training; ends with 1 when the decision mix moved."""
    try:
        _check_out(out)
        publishers = signing.read_publishers(registry)
        version = moving.resolve(registry, name, version, publishers)
        model = loading.load(registry, name, version, publishers)
        found = _drift(registry, model, features, labels, recipe, from_, to)
    except VigieError as error:
        _fail(error)
    _show_drift(found)
    _write(out, found, "drift")
    if metrics is not None:
        from models.drift.metrics import textfile

        replace_file(metrics, textfile(found))
        _print(f"metrics in {metrics}")
    if found.alarm:
        text = f"the decision mix moved: {', '.join(found.moved)}; compare with a newer model, or go back"
        Console(stderr=True).print(f"[red]{escape(text)}[/red]", soft_wrap=True)
        raise typer.Exit(1)


def _measure(
    registry: Path, champion: Loaded | None, candidate: Loaded, features: Path | None, labels: Path | None, recipe: Path | None
) -> Report:
    from models import labels as labels_file
    from models import parquet
    from models.registry.comparing import compare
    from models.training import recipe as recipes

    manifest = candidate.manifest
    today, sha256 = recipes.read(recipe or RECIPES / f"{manifest.name}.toml")
    judged = labels_file.read(labels) if labels is not None else None
    rows = parquet.read(features) if features is not None else None
    path = store.folder(registry, manifest.name, manifest.version) / store.MANIFEST_FILE
    digest = store.digest(store.read_bytes(path, store.MANIFEST_MAX))
    with Steps(Console(stderr=True)) as steps:
        return compare(champion, candidate, digest, today, sha256, judged, rows, steps.told)


def _drift(
    registry: Path, model: Loaded, features: Path, labels: Path | None, recipe: Path | None, from_: str | None, to: str | None
) -> Any:
    from models import labels as labels_file
    from models import parquet
    from models.drift.drift import drift, read_reference
    from models.training import recipe as recipes
    from models.training.rows import choose, date, days

    manifest = model.manifest
    rows = parquet.read(features)
    if rows.schema_hash != manifest.schema_hash:
        raise MoveRefused(f"{features}: has other columns than {manifest.version} was trained on; write it again with vigie features")
    reference = read_reference(registry, model)
    day = days(rows.day)
    first, last = _day(from_, "--from", int(day.min()) if len(day) else 0), _day(to, "--to", int(day.max()) + 1 if len(day) else 0)
    within = (day >= first) & (day < last)
    if not within.any():
        raise UsageError(f"{features}: has no row of these days; write features of them, or give other --from and --to")
    verdicts = None
    if labels is not None:
        today, _ = recipes.read(recipe or RECIPES / f"{manifest.name}.toml")
        judged = choose(labels_file.read(labels), today, manifest.schema_hash).rows
        verdicts = judged.label[~judged.audited & (judged.day >= first) & (judged.day < last)]
    with Steps(Console(stderr=True)) as steps:
        period = date(int(day[within].min())), date(int(day[within].max()))
        return drift(model, reference, rows.matrix[within], period, verdicts, lambda done, of: steps.told("scoring", done, of))


def _day(text: str | None, option: str, otherwise: int) -> int:
    if text is None:
        return otherwise
    try:
        return number(check_day(text))
    except ValueError as error:
        raise UsageError(f"{option} {text!r}: {error}") from None


def _reference(registry: Path, words: str, publishers: Publishers) -> Loaded | None:
    """A loaded version by its name, by NAME@ROLE, or ``None`` for ``rules``."""
    if words == "rules":
        return None
    name, at, role = words.partition("@")
    if not at:
        name, role = words.rpartition("-")[0], words
    return loading.load(registry, name, moving.resolve(registry, name, role, publishers), publishers)


def _show(report: Report) -> None:
    console = Console()
    champion, candidate = report.champion.version or RULES_ALONE, report.candidate.version
    if report.metrics:
        table = Table(title=f"{candidate} against {champion}")
        for column in ("metric", "champion", "candidate", "difference", "95 % of it"):
            table.add_column(column, justify="left" if column == "metric" else "right")
        for name, one in ordered(report):
            colour = _COLOURS.get(verdict(name, one), "")
            change = shown(name, one.difference[0], True)
            known = one.difference[1] is not None
            between = f"{shown(name, one.difference[1], True)} to {shown(name, one.difference[2], True)}" if known else "–"
            values = shown(name, one.champion[0]), shown(name, one.candidate[0])
            table.add_row(WORDS.get(name, name), *values, f"[{colour}]{change}[/{colour}]" if colour else change, between)
        console.print(table)
        slices = Table(title="Average precision by slice")
        for column in ("slice", "rows", "breaches", "champion", "candidate", "guard"):
            slices.add_column(column, justify="left" if column == "slice" else "right")
        for line in report.slices:
            value = line.metric.candidate[0]
            below = line.guard is not None and (value is None or value < line.guard)
            words = shown("", value)
            slices.add_row(
                escape(line.name),
                f"{line.rows:,}",
                f"{line.breaches:,}",
                shown("", line.metric.champion[0]),
                f"[red]{words}[/red]" if below else words,
                "–" if line.guard is None else f"{line.guard:g}",
            )
        console.print(slices)
        _print(f"{report.rows:,} judged alerts from {report.period[0]} to {report.period[1]}, capacity {report.capacity:.1f} a day")
        _print(f"rows: {report.basis}")
        for words, ids in (("appear", report.appear), ("disappear", report.disappear)):
            more = f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
            _print(f"{len(ids):,} alerts {words}{': ' if ids else ''}{', '.join(ids[:_SHOWN])}{more}")
    sides = [(champion, report.champion), (candidate, report.candidate)]
    if any(side.mix for _, side in sides):
        mixes = Table(title="Share of all licence-days")
        for column in ("version", "below", "review", "urgent", "asked", "no score"):
            mixes.add_column(column, justify="left" if column == "version" else "right", no_wrap=column == "version")
        for name, side in sides:
            if side.version:
                mixes.add_row(name, *_shares(side), f"{side.scored:,}", f"[red]{side.errors:,}[/red]" if side.errors else "0")
        console.print(mixes)
    if report.alike is not None:
        _print(f"both put {report.alike:.2%} of them into the same part; nobody judged these days")


def _shares(side: Side) -> list[str]:
    from models.pages import percent

    return [percent((side.mix or {}).get(part)) for part in ("below", "review", "urgent")]


def _show_drift(found: Any) -> None:
    from models.pages import percent

    console = Console()
    mix = Table(title=f"What the team sees by {found.version}")
    for column in ("part", "in training", "now"):
        mix.add_column(column, justify="left" if column == "part" else "right")
    for part, words in (("below", "below the threshold"), ("review", "for review"), ("urgent", "urgent")):
        mix.add_row(words, percent(found.mix_before.get(part, 0.0)), percent(found.mix_now.get(part, 0.0)))
    mix.add_row("breaches among verdicts", *(percent(one) for one in found.label_rate))
    console.print(mix)
    table = Table(title="Drift")
    for column in ("feature", "status", "PSI", "by chance", "KS"):
        table.add_column(column, justify="left" if column in ("feature", "status") else "right")
    for one in [found.score, *found.features[:_FARTHEST]]:
        colour = _COLOURS.get(one.status)
        words = f"[{colour}]{one.status}[/{colour}]" if colour else one.status
        table.add_row(one.name, words, f"{one.psi:.3f}", f"{one.chance:.3f}", f"{one.ks:.3f}")
    console.print(table)
    rest = len(found.features) - _FARTHEST
    if rest > 0:
        _print(f"and {rest} features that moved less; --out has them all")
    before = "licence-days" if found.population == "features" else "judged alerts, for training was told no licence-days"
    _print(f"{found.rows:,} licence-days from {found.period[0]} to {found.period[1]} against {found.rows_before:,} {before}")
    if found.errors:
        Console(stderr=True).print(f"[red]{found.errors:,} of them have no score[/red]", soft_wrap=True)
    if not found.alarm:
        _print("the decision mix did not move")


def _check_out(out: Path | None) -> None:
    if out is not None and (out.suffix not in (".html", ".json") or out.is_dir() or not out.resolve().parent.is_dir()):
        raise UsageError(f"{out}: --out names an .html or .json file in a directory that exists")


def _write(out: Path | None, found: Any, kind: str) -> None:
    if out is None:
        return
    if out.suffix == ".json":
        replace_file(out, msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    elif kind == "drift":
        from models.drift.page import html as drift_html

        replace_file(out, drift_html(found).encode())
    else:
        from models.registry.compare_page import html as compare_html

        replace_file(out, compare_html(found).encode())
    _print(f"report in {out}")


def _print(text: str) -> None:
    Console().print(text, soft_wrap=True, markup=False, highlight=False)


def _fail(error: VigieError) -> NoReturn:
    Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
    raise typer.Exit(exit_status(error)) from None
