"""The registry's folders: ``REGISTRY/<name>/<version>/``, each written whole or not at all and never changed.

Beside a model's own files its folder takes the reports of its shadow runs (``shadow-<time>.json``), which come later.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.registry import skops_file
from models.registry.errors import ModelAltered, ModelForeign, ModelMissing
from models.registry.manifest import NAME, VERSION, Manifest, Trained, libraries, read_manifest, version_of, write_manifest
from models.registry.signing import MANIFEST, Signature, sign
from streams.durable import replace_file, sync_directory

MODEL, MANIFEST_FILE, SIGNATURES = "model.skops", "manifest.json", "manifest.sig"
#: A manifest of 56 features has 5 KB; plots have 50 KB each.
MANIFEST_MAX, SIGNATURES_MAX, FILE_MAX = 2**20, 2**16, 16 * 2**20
SHADOW = re.compile(r"shadow-[0-9]{8}T[0-9]{6}Z\.json")
_FILE = re.compile(r"(?:[a-z0-9_-]+/)?[a-z0-9_-]+(?:\.[a-z0-9]+)+")
_signatures = msgspec.json.Decoder(list[Signature]).decode


def save(registry: Path, name: str, estimator: Any, trained: Trained, files: Mapping[str, bytes], key: Ed25519PrivateKey) -> Manifest:
    """Write a trained model into the registry, signed.

    The same estimator, facts and files give the same version with the same bytes; saving it again with another key adds its signature.

    Args:
        registry: its folder; made if it is not there.
        name: of the model, that of its recipe.
        estimator: of the types of ``skops_file.ALLOWED``.
        trained: what training knows.
        files: what else goes into the folder, by relative path in lower case (``card.md``, ``plots/calibration.svg``).
        key: the analyst's.

    Raises:
        ModelForbidden: the estimator holds a type that no loader would take.
        ModelForeign: a name, file name or size that no loader would take.
        ModelAltered: the version is there with other bytes.
    """
    if NAME.fullmatch(name) is None:
        raise ModelForeign(f"{name!r}: no name of a model; lower-case words joined by -, as the recipes have")
    for path, content in sorted(files.items()):
        if _FILE.fullmatch(path) is None or path in (MODEL, MANIFEST_FILE, SIGNATURES) or SHADOW.fullmatch(path):
            raise ModelForeign(f"{name}: a model has no file {path!r}; lower-case letters, digits, - and _, at most one folder deep")
        if len(content) > FILE_MAX:
            raise ModelForeign(f"{name}: {path} has {len(content):,} bytes, at most {FILE_MAX:,} are read back; make it smaller")
    model, types = skops_file.dump(estimator)
    if len(model) > skops_file.MODEL_MAX:
        raise ModelForeign(f"{name}: the model has {len(model):,} bytes, at most {skops_file.MODEL_MAX:,} are read back; train fewer trees")
    manifest = Manifest(
        **{field: getattr(trained, field) for field in Trained.__struct_fields__},
        name=name,
        model_sha256=digest(model),
        model_bytes=len(model),
        libraries=libraries(),
        types=types,
        files={path: digest(content) for path, content in sorted(files.items())},
    )
    # As a loader will read it: 10 becomes 10.0 there, and a NaN null, which is refused.
    manifest = read_manifest(write_manifest(manifest), name)
    manifest = msgspec.structs.replace(manifest, version=version_of(manifest))
    data = write_manifest(manifest)
    _write(registry / name / manifest.version, {**files, MODEL: model, MANIFEST_FILE: data}, sign(key, MANIFEST + data))
    return manifest


def names(registry: Path) -> list[str]:
    """The models that the registry has versions of."""
    return sorted(path.name for path in _folders(registry) if NAME.fullmatch(path.name) and versions(registry, path.name))


def versions(registry: Path, name: str) -> list[str]:
    """The versions of a model, in the order of their text."""
    return sorted(path.name for path in _folders(registry / name) if VERSION.fullmatch(path.name))


def folder(registry: Path, name: str, version: str) -> Path:
    """Where a version lies.

    Raises:
        ModelMissing: it is not there, or name and version are none.
    """
    path = registry / name / version
    if NAME.fullmatch(name) is None or VERSION.fullmatch(version) is None or not path.is_dir():
        raise ModelMissing(f"{name[:64]!r} {version[:80]!r}: not in {registry}; see what is there: vigie models list --registry {registry}")
    return path


def read_bytes(path: Path, most: int) -> bytes:
    """A file of a model's folder, if it is a plain file of a size that can be.

    Raises:
        ModelMissing: it is not there.
        ModelAltered: it is larger, or no plain file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ModelMissing(f"{path}: cannot be read ({error.strerror}); restore it from a backup, or train the model again") from None
    with os.fdopen(descriptor, "rb") as file:
        try:
            data = file.read(most + 1)
        except OSError as error:
            raise ModelAltered(f"{path}: cannot be read ({error.strerror}); restore it from a backup, or train it again") from None
    if len(data) > most:
        raise ModelAltered(f"{path}: has more than the {most:,} bytes it may have; restore it from a backup, or train it again")
    return data


def stored_files(path: Path) -> list[str]:
    """Relative paths of the files of a version's folder, without reports of shadow runs.

    Raises:
        ModelAltered: something there is neither a file nor a folder of files.
    """
    found = []
    for entry in _entries(path):
        if entry.is_dir(follow_symlinks=False):
            for inner in _entries(entry.path):
                if not inner.is_file(follow_symlinks=False):
                    raise ModelAltered(f"{inner.path[:200]!r}: no plain file; a model's folder holds nothing else, remove it")
                found.append(f"{entry.name}/{inner.name}")
        elif not entry.is_file(follow_symlinks=False):
            raise ModelAltered(f"{entry.path[:200]!r}: no plain file; a model's folder holds nothing else, remove it")
        elif SHADOW.fullmatch(entry.name) is None:
            found.append(entry.name)
    return sorted(found)


def _entries(path: str | Path) -> list[os.DirEntry[str]]:
    try:
        return sorted(os.scandir(path), key=lambda one: one.name)
    except OSError as error:
        raise ModelMissing(f"{path}: cannot be read ({error.strerror}); restore it from a backup, or train the model again") from None


def read_signatures(data: bytes, where: str) -> list[Signature]:
    """The signatures of ``manifest.sig``.

    Raises:
        ModelAltered: it is no such list.
    """
    try:
        found = _signatures(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = []
    # Of the many spellings of a list only ours is one: then no byte of a model's folder can change unseen.
    if not found or _write_signatures(found) != data:
        raise ModelAltered(f"{where}: no list of signatures; restore it from a backup, or train the model again")
    return found


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _write_signatures(signatures: list[Signature]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(signatures), indent=1) + b"\n"


def _folders(path: Path) -> list[Path]:
    try:
        return [one for one in path.iterdir() if one.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _write(target: Path, files: Mapping[str, bytes], signature: Signature) -> None:
    if target.exists():
        if any(read_bytes(target / path, len(content)) != content for path, content in files.items()):
            raise ModelAltered(f"{target}: is there with other bytes than were trained now; move it away and train again")
        path = target / SIGNATURES
        before = read_signatures(read_bytes(path, SIGNATURES_MAX), str(path))
        # A key that was revoked takes its models with it; who trains the same again answers for them.
        if signature not in before:
            replace_file(path, _write_signatures([*before, signature]))
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir()
        for name, content in {**files, SIGNATURES: _write_signatures([signature])}.items():
            place = unfinished / name
            place.parent.mkdir(exist_ok=True)
            with place.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for inner in sorted(path for path in unfinished.iterdir() if path.is_dir()):
            sync_directory(inner)
        sync_directory(unfinished)
        os.rename(unfinished, target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    sync_directory(target.parent)
    sync_directory(target.parent.parent)
