"""A recipe: which labels, which features, which split, what a mistake costs. A TOML file with nothing in it that is not checked."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from models.schema import NAMES
from models.training.errors import RecipeError

Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Natural = Annotated[int, msgspec.Meta(ge=0)]
#: What a metric can be told apart by.
Slice = Literal["rule", "level", "customer", "weekday"]
#: Fewer breaches than this cannot be dealt into the folds of a calibration.
LEAST_POSITIVES = 5


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class LabelFilter(_Table, frozen=True, kw_only=True):
    """Which verdicts are learned from.

    Attributes:
        sampling: ``alert``: verdicts on alerts; ``audit``: on days drawn by lot, too.
        weak: also labels that are no explicit verdict on evidence.
        max_row_age_days: days from a row to the crossing of the alert it stands for; older rows say little of it.
        weight_cap: the most that one audited day, which stands for one over its propensity, may count.
    """

    sampling: list[Literal["alert", "audit"]]
    weak: bool = False
    max_row_age_days: Natural = 7
    weight_cap: Annotated[float, msgspec.Meta(ge=1)] = 100.0


class Split(_Table, frozen=True, kw_only=True):
    """How the time is divided: train, calibration, threshold, test, in this order.

    Attributes:
        embargo_days: between two slices, as long as the longest look back of a feature.
        calibration_share: of the days outside of the embargoes.
        threshold_share: the same.
        test_share: the same; what is left is for training.
        test_customers: share of the test slice's customers that it keeps for itself; no earlier slice sees them.
        least_positives: breaches, and others, that each slice must have.
    """

    embargo_days: Count
    calibration_share: Share = 0.15
    threshold_share: Share = 0.15
    test_share: Share = 0.25
    test_customers: Share = 0.4
    least_positives: Annotated[int, msgspec.Meta(ge=LEAST_POSITIVES)] = 20


class Logistic(_Table, frozen=True, kw_only=True):
    """The reference. ``c``: inverse strength of the penalty."""

    c: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    max_iter: Count = 2_000


class Hgb(_Table, frozen=True, kw_only=True):
    """Histogram gradient boosting, as scikit-learn names its parameters."""

    learning_rate: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.08
    max_iter: Count = 150
    max_leaf_nodes: Annotated[int, msgspec.Meta(ge=2, le=255)] = 15
    min_samples_leaf: Count = 20
    l2_regularization: Annotated[float, msgspec.Meta(ge=0)] = 1.0


class Forest(_Table, frozen=True, kw_only=True):
    """Isolation forest, for ``anomaly`` only."""

    trees: Count = 100
    max_samples: Annotated[int, msgspec.Meta(ge=2)] = 256


class Candidates(_Table, frozen=True, kw_only=True):
    """What is tried. ``forest`` stands alone; otherwise the logistic reference is always there."""

    logistic: Logistic | None = None
    hgb: Hgb | None = None
    forest: Forest | None = None


class Cost(_Table, frozen=True, kw_only=True):
    """What a review is worth.

    Attributes:
        false_alarm_cents: of an alert reviewed for nothing, the annoyed customer included.
        missed_cents: of a breach that nobody looked at.
        reviewer_minutes_per_alert: of a person's time.
        minutes_per_day: that the team has for alerts of this model.
        urgent_percent: the precision from which a score is urgent.
    """

    false_alarm_cents: Natural
    missed_cents: Count
    reviewer_minutes_per_alert: Annotated[float, msgspec.Meta(gt=0)]
    minutes_per_day: Count
    urgent_percent: Annotated[int, msgspec.Meta(ge=1, le=100)] = 90

    @property
    def capacity(self) -> int:
        """Alerts a day that can be reviewed."""
        return int(self.minutes_per_day / self.reviewer_minutes_per_alert)


class Recipe(_Table, frozen=True, kw_only=True):
    """The whole file.

    Attributes:
        name: the model's.
        rules: whose alerts it ranks; none for ``anomaly``, which looks at every licence-day.
        rows: licence-days or licence-weeks.
        features: ``all``, or names.
        monotonic: by feature, in which direction alone it may move the score.
        slices: by what the evaluation is told apart.
        guards: by slice, the least average precision without which nothing is promoted.
        bootstrap_rounds: draws behind each interval.
    """

    name: str
    rules: list[str]
    seed: Natural
    split: Split
    candidates: Candidates
    cost: Cost
    labels: LabelFilter
    rows: Literal["day", "week"] = "day"
    features: Literal["all"] | list[str] = "all"
    monotonic: dict[str, Literal["up", "down"]] = {}
    calibration: Literal["sigmoid", "isotonic", "auto"] = "auto"
    bootstrap_rounds: Annotated[int, msgspec.Meta(ge=20)] = 400
    slices: tuple[Slice, ...] = ("rule", "level", "customer", "weekday")
    guards: dict[str, Annotated[float, msgspec.Meta(ge=0, le=1)]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of the schema."""
        known = names_of(self.rows)
        return known if self.features == "all" else tuple(name for name in known if name in self.features)

    @property
    def directions(self) -> list[int]:
        """1, 0 or -1 for each feature."""
        return [{"up": 1, "down": -1}.get(self.monotonic.get(name, ""), 0) for name in self.names]


def names_of(rows: Literal["day", "week"]) -> tuple[str, ...]:
    """The columns of such rows."""
    if rows == "day":
        return NAMES
    from models.weeks import WEEK_NAMES

    return tuple(WEEK_NAMES)


def read(path: Path) -> tuple[Recipe, str]:
    """A recipe and the SHA-256 of its file.

    Raises:
        RecipeError: it cannot be read, or a key or value is wrong.
    """
    try:
        data = path.read_bytes()
        found = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}); name a recipe, those that ship are in recipes/") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path}: is no TOML: {error}") from None
    return checked(found, path), hashlib.sha256(data).hexdigest()


def checked(found: dict[str, Any], path: Path) -> Recipe:
    """The recipe that a table is.

    Raises:
        RecipeError: naming the file, the key and what was expected.
    """
    try:
        recipe = msgspec.convert(found, Recipe)
    except msgspec.ValidationError as error:
        raise RecipeError(f"{path}: {_worded(str(error))}") from None
    for key, problem in _problems(recipe):
        raise RecipeError(f"{path}: {key}: {problem}")
    return recipe


def _worded(message: str) -> str:
    """The decoder's words with the key in front: ``split.embargo_days: expected `int` >= 1``."""
    what, _, place = message.partition(" - at `$")
    key = place.rstrip("`").lstrip(".")
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", what)
    missing = re.fullmatch(r"Object missing required field `(.*)`", what)
    inner = unknown or missing
    if inner:
        key = f"{key}.{inner[1]}" if key else inner[1]
        what = "no such key" if unknown else "is missing"
    return f"{key}: {what[0].lower()}{what[1:]}"


#: Days or weeks that a feature looks back before its own.
_BACK = re.compile(r"_mean_(\d+)([dw])$")
_DAYS = {"d": 1, "w": 7}


def look_back(recipe: Recipe) -> int:
    """The days before the day of a row that its longest feature covers; the day of a week's row is its last."""
    own = 0 if recipe.rows == "day" else 6
    backs = [int(found[1]) * _DAYS[found[2]] for name in recipe.names if (found := _BACK.search(name))]
    return max(1, own + max(backs, default=0))


def _problems(recipe: Recipe) -> list[tuple[str, str]]:
    """What no single key shows."""
    found = []
    tried = recipe.candidates
    if not tried.forest and recipe.rows == "week":
        found.append(("rows", 'must be "day": labels hold licence-day rows'))
    known = names_of(recipe.rows)
    named = recipe.features if isinstance(recipe.features, list) else []
    found += [("features", f"there is no feature {name!r}; see docs/features.md") for name in named if name not in known]
    found += [("features", f"{name!r} stands there twice") for name in sorted(set(named)) if named.count(name) > 1]
    if named == [] and recipe.features != "all":
        found.append(("features", 'is empty; write "all" or names'))
    found += [(f"monotonic.{name}", "is not among the features") for name in recipe.monotonic if name not in recipe.names]
    if not re.fullmatch(r"[a-z][a-z0-9-]*", recipe.name):
        found.append(("name", "small letters, digits and hyphens, a letter first"))
    back = look_back(recipe)
    if recipe.split.embargo_days < back:
        longest = f"the features cover {back} days"
        found.append(("split.embargo_days", f"must be {back} or more, or two slices share days: {longest}"))
    if recipe.split.calibration_share + recipe.split.threshold_share + recipe.split.test_share > 0.9:
        found.append(("split", "calibration_share, threshold_share and test_share together leave less than a tenth for training"))
    if tried.forest and (tried.logistic or tried.hgb):
        found.append(("candidates.forest", "stands alone: it learns without labels"))
    if not tried.forest and not tried.logistic:
        found.append(("candidates.logistic", "is missing: it is the reference of every model with labels"))
    if tried.forest and recipe.rules:
        found.append(("rules", "must be empty with candidates.forest: it looks at every row"))
    if tried.forest and recipe.monotonic:
        found.append(("monotonic", "means nothing to candidates.forest"))
    if not tried.forest and not recipe.rules:
        found.append(("rules", "is empty; name the rules whose alerts it ranks"))
    if not tried.forest and "alert" not in recipe.labels.sampling:
        found.append(("labels.sampling", 'must hold "alert": without alerts there is nothing to rank'))
    if recipe.cost.capacity < 1:
        found.append(("cost.minutes_per_day", "is less than one review takes (reviewer_minutes_per_alert)"))
    known_slices = {"all", *recipe.slices}
    found += [
        (f"guards.{name}", f'is no slice; write "all" or one of {", ".join(recipe.slices)} with a value, as in "level:breach"')
        for name in recipe.guards
        if name.partition(":")[0] not in known_slices or (name != "all" and ":" not in name)
    ]
    return found
