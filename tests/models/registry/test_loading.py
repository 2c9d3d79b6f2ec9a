"""A model is loaded when everything about it is as it was signed, and never else."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline

from models.registry import loading, skops_file, store
from models.registry.errors import (
    ModelAltered,
    ModelForbidden,
    ModelForeign,
    ModelMissing,
    ModelRefused,
    ModelUnsigned,
    ScoringFailed,
)
from models.registry.manifest import Manifest, version_of, write_manifest
from models.registry.signing import MANIFEST, Publishers, sign
from models.schema import NAMES
from support.registry import ANA, BOB, FEATURES, House, estimator, publisher, rows, trained


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def load(house: House, manifest: Manifest) -> loading.Loaded:
    return loading.load(house.registry, "autodial", manifest.version, house.publishers)


def resigned(house: House, manifest: Manifest, key: Any = ANA, model: bytes | None = None, **fields: Any) -> Manifest:
    """What a publisher could sign by mistake or in bad faith: a manifest with other fields, in a folder of its own."""
    other = msgspec.structs.replace(manifest, **fields)
    if model is not None:
        other = msgspec.structs.replace(other, model_sha256=store.digest(model), model_bytes=len(model))
    other = msgspec.structs.replace(other, version=version_of(other))
    target = house.registry / "autodial" / other.version
    shutil.copytree(house.folder(manifest), target)
    data = write_manifest(other)
    (target / store.MANIFEST_FILE).write_bytes(data)
    (target / store.SIGNATURES).write_bytes(store._write_signatures([sign(key, MANIFEST + data)]))
    if model is not None:
        (target / store.MODEL).write_bytes(model)
    return other


def test_scores_are_those_of_the_estimator_with_four_decimals(house: House) -> None:
    manifest = house.save()
    loaded = load(house, manifest)
    x = rows(50, seed=7)
    assert loaded.score(x).tolist() == np.round(estimator().predict_proba(x)[:, 1], 4).tolist()
    assert loaded.manifest == manifest
    assert loaded.publisher.name == "ana"


def test_its_columns_are_picked_out_of_whole_rows_by_name(house: House) -> None:
    loaded = load(house, house.save())
    full = np.arange(2.0 * len(NAMES)).reshape(2, -1)
    assert loaded.pick(full).tolist() == [[row[NAMES.index(name)] for name in FEATURES] for row in full.tolist()]


def test_no_rows_have_no_scores(house: House) -> None:
    assert load(house, house.save()).score(np.zeros((0, 3))).tolist() == []


@pytest.mark.parametrize("bad", [np.zeros((2, 4)), np.zeros(3), np.array([[0.0, np.nan, 0.0]]), np.array([[0.0, np.inf, 0.0]])])
def test_rows_of_another_shape_or_without_a_number_are_refused(house: House, bad: Any) -> None:
    with pytest.raises(ScoringFailed):
        load(house, house.save()).score(bad)


def test_a_score_that_is_no_number_is_never_given_out(house: House) -> None:
    loaded = load(house, house.save())
    loaded.estimator.named_steps["model"].coef_[:] = np.nan
    with pytest.raises(ScoringFailed):
        loaded.score(rows(2))


def estimators() -> dict[str, Any]:
    x = rows(120)
    y = (x[:, 0] > 0).astype(int)
    logistic = estimator()
    boosted = HistGradientBoostingClassifier(max_iter=2, random_state=0, monotonic_cst=[1, 0, 0], early_stopping=True).fit(x, y)
    found = {"logistic": logistic, "boosted": boosted, "forest": IsolationForest(n_estimators=4, random_state=0).fit(x)}
    for name in ("logistic", "boosted"):
        for method in ("sigmoid", "isotonic"):
            found[f"{name} {method}"] = CalibratedClassifierCV(FrozenEstimator(found[name]), method=method).fit(x, y)
    return found


def test_every_pipeline_of_the_recipes_comes_back_with_the_same_scores_and_bytes(house: House) -> None:
    x = rows(20, seed=5)
    for name, one in estimators().items():
        knots = ((0.3, 0.0), (0.7, 1.0)) if name == "forest" else None
        data, types = skops_file.dump(one)
        assert skops_file.dump(one) == (data, types)
        manifest = store.save(house.registry, "autodial", one, trained(score_knots=knots), {}, ANA)
        loaded = load(house, manifest)
        assert loaded.score(x).tolist() == np.round(loading.probabilities(one, knots, x), 4).tolist(), name


def test_a_score_from_knots_rises_with_strangeness_between_0_and_1(house: House) -> None:
    one = estimators()["forest"]
    manifest = store.save(house.registry, "anomaly", one, trained(score_knots=((0.4, 0.0), (0.6, 1.0))), {}, ANA)
    x = np.array([[0.0, 0, 0], [200.0, 200, 200]])
    usual, strange = loading.load(house.registry, "anomaly", manifest.version, house.publishers).score(x)
    assert 0 <= usual < strange <= 1


def test_a_version_that_is_not_there_is_refused(house: House) -> None:
    for version in ("autodial-000000000000", "../autodial", "", "x" * 300):
        with pytest.raises(ModelMissing):
            loading.load(house.registry, "autodial", version, house.publishers)
    with pytest.raises(ModelMissing):
        loading.load(house.registry, "..", "autodial-000000000000", house.publishers)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def _gone(path: Path) -> None:
    path.unlink()


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere.skops").parent.parent / path.name)
    path.symlink_to(path.parent.parent / path.name)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("change", [_cut, _longer, _gone, _link, _pipe])
@pytest.mark.parametrize("file", ["model.skops", "manifest.json", "manifest.sig", "card.md", "plots/curve.svg"])
def test_a_file_that_is_cut_longer_gone_or_no_plain_file_is_refused(house: House, file: str, change: Callable[[Path], None]) -> None:
    manifest = house.save()
    change(house.folder(manifest) / file)
    with pytest.raises(ModelRefused) as refused:
        load(house, manifest)
    assert "\n" not in str(refused.value)


def test_a_file_more_is_refused_but_reports_of_shadow_runs_are_not(house: House) -> None:
    manifest = house.save()
    house.shadow(manifest)
    load(house, manifest)
    (house.folder(manifest) / "plots" / "more.svg").write_bytes(b"")
    with pytest.raises(ModelAltered, match=r"more\.svg"):
        load(house, manifest)


def test_a_model_signed_by_nobody_we_know_is_refused(house: House) -> None:
    manifest = house.save(3, key=BOB)
    with pytest.raises(ModelUnsigned, match=r"signed by no key of publishers\.toml"):
        loading.load(house.registry, "autodial", manifest.version, Publishers((publisher("ana", ANA),)))


def test_a_model_whose_publisher_was_revoked_is_refused(house: House) -> None:
    manifest = house.save(3, key=BOB)
    load(house, manifest)
    house.revoke("bob")
    with pytest.raises(ModelUnsigned, match="the key of bob is revoked"):
        load(house, manifest)
    # Whoever trains the same again puts a name to it.
    assert house.save(3, key=ANA) == manifest
    assert load(house, manifest).publisher.name == "ana"


def test_a_signature_of_something_else_is_none(house: House) -> None:
    one, other = house.save(), house.save(seed=2)
    shutil.copy(house.folder(one) / "manifest.sig", house.folder(other) / "manifest.sig")
    with pytest.raises(ModelUnsigned, match="is not what ana signed"):
        load(house, other)


def test_a_folder_under_the_name_of_another_version_is_refused(house: House) -> None:
    one, other = house.save(), house.save(seed=2)
    shutil.rmtree(house.folder(other))
    shutil.copytree(house.folder(one), house.folder(other))
    with pytest.raises(ModelAltered, match="is the manifest of"):
        load(house, other)


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"format": 2}, ModelForeign, "format 2"),
        ({"schema_hash": "fs-other"}, ModelForeign, "made for features fs-other"),
        ({"features": ("attempts", "talk_mean", "no such")}, ModelForeign, "not columns of ours"),
        ({"medians": (0.0,)}, ModelForeign, "medians"),
        ({"features": FEATURES[:2], "medians": (0.0, 0.0)}, ModelForeign, "takes 3 columns"),
        ({"threshold": 1.5}, ModelForeign, "thresholds"),
        ({"score_knots": ((0.5, 0.0), (0.4, 1.0))}, ModelForeign, "do not rise"),
        ({"types": ("os.system",)}, ModelForbidden, "no part of our models"),
        ({"types": ("builtins.dict",)}, ModelForbidden, "other types"),
        ({"model_bytes": 2**40}, ModelAltered, "at most"),
        ({"model_bytes": 10}, ModelAltered, "more than the 10 bytes"),
        ({"libraries": {"scikit-learn": "0.1"}}, ModelForeign, "made with"),
    ],
)
def test_what_even_a_publisher_cannot_sign_into_the_stream(
    house: House, fields: dict[str, Any], error: type[ModelRefused], words: str
) -> None:
    manifest = resigned(house, house.save(), **fields)
    with pytest.raises(error, match=words):
        load(house, manifest)


def test_another_version_of_a_library_is_named_with_ours(house: House) -> None:
    manifest = house.save()
    other = resigned(house, manifest, libraries={**manifest.libraries, "scikit-learn": "1.0.0"})
    with pytest.raises(ModelForeign, match=f"scikit-learn 1.0.0, here is {manifest.libraries['scikit-learn']}"):
        load(house, other)


def archive(schema: Any, compression: int = zipfile.ZIP_STORED, **entries: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as file:
        for name, content in entries.items():
            file.writestr(name, content)
        file.writestr("schema.json", schema if isinstance(schema, str) else json.dumps(schema))
    return target.getvalue()


NODE = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "content": "system", "__id__": 1}


@pytest.mark.parametrize(
    ("model", "error"),
    [
        (archive({**NODE, "protocol": 3, "_skops_version": "0"}), ModelForbidden),
        (archive({"__class__": "Pipeline", "__module__": "sklearn.pipeline", "__loader__": "MethodNode", "protocol": 3}), ModelForbidden),
        (archive({"protocol": 3, "content": json.loads("[" * 150 + "]" * 150)}), ModelAltered),
        (archive("[" * 100_000 + "]" * 100_000), ModelAltered),
        (archive({"protocol": 3}, zipfile.ZIP_DEFLATED, bomb=bytes(2**20)), ModelAltered),
        (archive("no json"), ModelAltered),
        (b"no zip at all", ModelAltered),
    ],
)
def test_a_signed_file_that_is_no_model_of_ours_is_refused_before_anything_is_made_of_it(
    house: House, model: bytes, error: type[ModelRefused]
) -> None:
    with pytest.raises(error) as refused:
        load(house, resigned(house, house.save(), model=model))
    assert "\n" not in str(refused.value)


def test_types_that_skops_trusts_are_not_for_that_trusted_here() -> None:
    x, y = rows(50), np.arange(50) % 2
    for other in (GaussianNB().fit(x, y), Pipeline([("model", RandomForestClassifier(2, random_state=0).fit(x, y))])):
        with pytest.raises(ModelForbidden, match="no part of our models"):
            skops_file.dump(other)
        with pytest.raises(ModelForbidden, match="no part of our models"):
            skops_file.load(skops.io.dumps(other), "model.skops")


def test_the_list_holds_nothing_that_runs_code() -> None:
    makers = {maker for maker, _ in skops_file.ALLOWED}
    assert makers.isdisjoint({"FunctionNode", "MethodNode", "PartialNode", "OperatorFuncNode", "ReduceNode", "CachedNode"})
    assert all(type_.split(".")[0] in {"builtins", "numpy", "sklearn"} for _, type_ in skops_file.ALLOWED)
    assert {type_ for maker, type_ in skops_file.ALLOWED if maker == "TypeNode"} == {"builtins.str"}


@st.composite
def damage(draw: st.DrawFn) -> tuple[str, Callable[[bytes], bytes]]:
    """A file of a model's folder, and something done to its bytes."""
    file = draw(st.sampled_from(["model.skops", "manifest.json", "manifest.sig", "card.md", "plots/curve.svg"]))
    at, value, kind = (
        draw(st.floats(0, 1, exclude_max=True)),
        draw(st.integers(0, 255)),
        draw(st.sampled_from(["flip", "cut", "insert", "replace"])),
    )
    garbage = draw(st.binary(max_size=64))

    def change(data: bytes) -> bytes:
        place = int(at * len(data))
        if kind == "flip":
            return data[:place] + bytes([data[place] ^ (value or 1)]) + data[place + 1 :]
        if kind == "cut":
            return data[:place]
        if kind == "insert":
            return data[:place] + bytes([value]) + data[place:]
        return garbage

    return file, change


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, Manifest]:
    house = House(tmp_path_factory.mktemp("fuzzed"))
    return house, house.save()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage())
def test_any_byte_changed_in_any_file_is_one_clear_refusal(
    fuzzed: tuple[House, Manifest], damaged: tuple[str, Callable[[bytes], bytes]]
) -> None:
    house, manifest = fuzzed
    path = house.folder(manifest) / damaged[0]
    before = path.read_bytes()
    after = damaged[1](before)
    if after == before:
        return
    path.write_bytes(after)
    try:
        with pytest.raises(ModelRefused) as refused:
            load(house, manifest)
    finally:
        path.write_bytes(before)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 600


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 255), st.sampled_from(["flip", "cut", "swap"]))
def test_a_damaged_file_that_somebody_signed_gives_a_model_or_a_refusal_and_nothing_else(place: int, value: int, kind: str) -> None:
    data, _ = skops_file.dump(estimator())
    place %= len(data)
    if kind == "flip":
        data = data[:place] + bytes([data[place] ^ value]) + data[place + 1 :]
    elif kind == "cut":
        data = data[:place]
    else:
        data = data[place:] + data[:place]
    with contextlib.suppress(ModelRefused):
        skops_file.load(data, "model.skops")


def test_the_same_estimator_has_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    code = "from support.registry import estimator; from models.registry import skops_file, store; "
    code += "print(store.digest(skops_file.dump(estimator())[0]))"
    environment = os.environ | {"PYTHONPATH": f"{root}:{root / 'tests'}", "PYTHONHASHSEED": "5"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == store.digest(skops_file.dump(estimator())[0])
