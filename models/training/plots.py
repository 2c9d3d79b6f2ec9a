"""The pictures of a card, as SVG: the same bytes for the same numbers. Each has its numbers in ``metrics.json`` or the card."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from models.training.cost import Curve, Cutoffs
from models.training.metrics import Floats, bins_of

#: Colours that people with any colour vision tell apart (Okabe and Ito 2008).
MODEL, RULES, REFERENCE, MARK, GREY = "#0072B2", "#D55E00", "#009E73", "#1F2937", "#6B7280"
#: Points of a drawn curve: more are not seen.
POINTS = 400
#: The last digit of a score: what is above is drawn there.
CERTAIN = 1e-4
#: Features that are shown: below them lies noise.
SHOWN = 12
#: An order of two or three levels has so many points and nothing between them.
_FEW: dict[str, Any] = {"marker": "o", "markersize": 7, "linestyle": ""}
_STYLE: Any = {
    # Ids of an SVG are salted at random otherwise.
    "svg.hashsalt": "vigie",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": "#9CA3AF",
    "axes.labelcolor": "#374151",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E7EB",
    "grid.linewidth": 0.8,
    "xtick.color": "#4B5563",
    "ytick.color": "#4B5563",
    "legend.frameon": False,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "lines.linewidth": 2.0,
}


def calibration(labels: Floats, scores: Floats) -> bytes:
    """Said against happened, over bins of equally many rows, with Wilson's 95 % intervals, above how often each score is said."""
    order = np.argsort(scores, kind="stable")
    said, right = scores[order], labels[order]
    starts = bins_of(said)
    sizes = np.diff(np.r_[starts, len(said)])
    mean = np.add.reduceat(said, starts) / sizes
    share = np.add.reduceat(right, starts) / sizes
    low, high = wilson(share, sizes)
    with _figure(5.6, 5.4) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        above.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2, label="perfectly calibrated")
        above.errorbar(
            mean,
            share,
            yerr=[share - low, high - share],
            color=MODEL,
            ecolor=MODEL,
            elinewidth=1.2,
            capsize=3,
            marker="o",
            label="test slice",
        )
        above.set(
            title="What it says, and how often that is so, test slice",
            ylabel="share that were breaches",
            xlim=(-0.02, 1.02),
            ylim=(-0.02, 1.02),
        )
        above.legend(loc="upper left")
        below.hist(scores, bins=np.linspace(0, 1, 26).tolist(), color=MODEL, alpha=0.55)
        below.set(xlabel="probability said", ylabel="alerts")
        return _svg(figure)


def precision_recall(labels: Floats, curves: list[tuple[str, Floats]], threshold: float) -> bytes:
    """Precision over recall. ``curves``: name and score of each row; the first is the model's, whose threshold is marked."""
    with _figure(5.6, 4.6) as figure:
        axes = figure.subplots()
        for (name, scores), color in zip(curves, (MODEL, REFERENCE, RULES), strict=False):
            recall, precision, score = precision_recall_points(labels, scores)
            few = len(score) < 10
            axes.plot(recall, precision, color=color, label=name, drawstyle="steps-pre", **(_FEW if few else {}))
            if color == MODEL:
                at = int(np.sum(score >= threshold)) - 1
                if at >= 0:
                    text = f"threshold {threshold:.4f}"
                    axes.plot(recall[at], precision[at], marker="D", markersize=8, color=MARK, linestyle="", label=text, zorder=5)
        rate = float(np.mean(labels))
        axes.axhline(rate, color=GREY, linestyle="--", linewidth=1.2, label=f"at random ({rate:.2f})")
        axes.set(title="Precision and recall, test slice", xlabel="recall: share of the breaches found", xlim=(0, 1.02), ylim=(0, 1.03))
        axes.set_ylabel("precision: share of breaches")
        axes.legend(loc="lower left")
        return _svg(figure)


def precision_recall_points(labels: Floats, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Recall, precision and score at the end of each run of equal scores, falling; some hundred of them."""
    order = np.argsort(-scores, kind="stable")
    score = scores[order]
    ends = np.flatnonzero(np.r_[np.diff(score) != 0, True])
    ends = ends[_thinned(len(ends))]
    true = np.cumsum(labels[order])[ends]
    return true / max(float(np.sum(labels)), 1.0), true / (ends + 1), score[ends]


def cost_curve(cutoffs: Cutoffs) -> bytes:
    """Euros a day against the threshold, and how many alerts it means."""
    curve = cutoffs.curve
    index = _thinned(len(curve.thresholds))
    threshold, euros, reviewed = curve.thresholds[index], curve.cents[index] / 100, curve.reviewed[index]
    with _figure(6.4, 5.2) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        above.plot(threshold, euros, color=MODEL, label="missed breaches and false alarms")
        above.axhline(curve.nothing / 100, color=GREY, linestyle="--", linewidth=1.2, label="reviewing nothing")
        above.set(title="Cost of each threshold, threshold slice", ylabel="€ a day")
        above.set_ylim(0, max(float(np.max(euros)), curve.nothing / 100) * 1.08)
        below.plot(threshold, reviewed, color=MODEL)
        below.axhline(cutoffs.capacity, color=RULES, linestyle="--", linewidth=1.2, label=f"capacity: {cutoffs.capacity} a day")
        below.set(xlabel="threshold", ylabel="alerts a day", xlim=(-0.02, 1.02))
        below.set_ylim(0, max(float(np.max(reviewed)), cutoffs.capacity) * 1.15)
        for axes in (above, below):
            _marks(axes, cutoffs, axes is above)
            _beyond(axes, curve, cutoffs.capacity, axes is above)
            axes.legend(loc="best")
        return _svg(figure)


def importance(found: list[tuple[str, float, float]]) -> bytes:
    """Average precision lost when a feature is shuffled."""
    shown = found[:SHOWN][::-1]
    with _figure(6.4, 0.9 + 0.33 * len(shown)) as figure:
        axes = figure.subplots()
        lost, spread = [one[1] for one in shown], [one[2] for one in shown]
        axes.barh([one[0] for one in shown], lost, xerr=spread, color=MODEL, ecolor=MARK, error_kw={"elinewidth": 1.0, "capsize": 2})
        axes.axvline(0, color=GREY, linewidth=1.0)
        axes.set(title="What it ranks by, test slice", xlabel="average precision lost when the feature is shuffled")
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        return _svg(figure)


def queue(scores: Floats, days: float, threshold: float, capacity: float) -> bytes:
    """For a model without labels: how many rows a day each threshold would bring, drawn large where the queue is cut."""
    score = np.sort(scores)[::-1]
    index = np.unique(np.geomspace(1, len(score), POINTS).astype(int)) - 1
    with _figure(6.4, 3.9) as figure:
        axes = figure.subplots()
        axes.plot((index + 1) / days, np.maximum(1 - score[index], CERTAIN), color=MODEL, drawstyle="steps-post")
        axes.axvline(capacity, color=RULES, linestyle="--", linewidth=1.2, label=f"capacity: {capacity:g} a day")
        axes.axhline(max(1 - threshold, CERTAIN), color=MARK, linestyle=":", linewidth=1.6, label=f"threshold {threshold:.4f}")
        axes.set(xscale="log", yscale="log", ylim=(1.1, CERTAIN))
        axes.set_yticks([1.0, 0.1, 0.01, 0.001, CERTAIN], ["0", "0.9", "0.99", "0.999", "0.9999"])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.minorticks_off()
        axes.set(title="Licence-days a day from each score on, threshold slice", xlabel="licence-days a day", ylabel="score")
        axes.legend(loc="lower left")
        return _svg(figure)


def wilson(share: Floats, sizes: Floats) -> tuple[Floats, Floats]:
    """Wilson's 95 % interval of a share of so many."""
    z = 1.959964
    middle = (share + z * z / (2 * sizes)) / (1 + z * z / sizes)
    half = z * np.sqrt(share * (1 - share) / sizes + z * z / (4 * sizes**2)) / (1 + z * z / sizes)
    # At 0 and 1 rounding would put an end a hair beyond the share.
    return np.minimum(middle - half, share), np.maximum(middle + half, share)


def _marks(axes: Axes, cutoffs: Cutoffs, worded: bool) -> None:
    name = f"review from {cutoffs.threshold:.4f}" if worded else None
    axes.axvline(cutoffs.threshold, color=MARK, linewidth=1.4, label=name)
    if cutoffs.urgent > cutoffs.threshold:
        name = f"urgent from {cutoffs.urgent:.4f}" if worded else None
        axes.axvline(cutoffs.urgent, color=MARK, linestyle=":", linewidth=1.6, label=name)


def _beyond(axes: Axes, curve: Curve, capacity: float, worded: bool) -> None:
    """Shade the thresholds that would bring more alerts than the team can judge."""
    over = curve.thresholds[curve.reviewed > capacity]
    if len(over):
        name = "more than the team can judge" if worded else None
        axes.axvspan(-0.02, float(over.max()), color=RULES, alpha=0.10, linewidth=0, label=name)


def _thinned(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, POINTS)).round().astype(int))


@contextmanager
def _figure(width: float, height: float) -> Iterator[Figure]:
    with rc_context(_STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def _svg(figure: Figure) -> bytes:
    FigureCanvasSVG(figure)
    file = io.BytesIO()
    # A date, or the version of the library, would be other bytes for the same numbers.
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": "vigie"})
    return file.getvalue()
