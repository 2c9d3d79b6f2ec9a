"""Keeps the house in order: who may import whom, what the core may not do, and what the papers promise about the code."""

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DECISIONS = ROOT / "docs" / "decisions"

# The law itself; the table in the README is checked against the code, and this keeps both from being loosened together.
LAW = {
    "detectors": set(),
    "pbx": {"detectors"},
    "streams": {"detectors", "pbx"},
    "models": {"detectors", "streams"},
    "console": {"detectors", "streams"},
}
# A broker, a database, a clock or a file in the core would make replay differ from live.
IMPURE_MODULES = {
    *("aiokafka", "faust", "kafka", "mode", "pydantic", "redis", "sqlalchemy"),
    *("asyncio", "io", "logging", "os", "pathlib", "random", "socket", "subprocess", "tempfile", "threading", "time"),
}
# `hash` is salted per process; the others touch the world outside.
IMPURE_CALLS = {"hash", "input", "open", "print"}
CLOCKS = {"datetime.now", "datetime.today", "datetime.utcnow", "date.today", "time.time", "time.time_ns", "time.monotonic"}


def rooms() -> list[str]:
    """The top-level packages that exist, by name."""
    entries = (path.parent for name in ("__init__.py", "__main__.py") for path in ROOT.glob(f"*/{name}"))
    return sorted({entry.name for entry in entries} - {"tests"})


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported(path: Path, root: Path = ROOT) -> Iterator[tuple[int, str]]:
    """Line and full name of each module that a file imports, at any depth of nesting."""
    package = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            anchor = package[: len(package) - node.level + 1] if node.level else ()
            yield node.lineno, ".".join([*anchor, *filter(None, [node.module])])


def top_level_imports(room: str) -> dict[str, str]:
    """Each top-level module that a room imports, with one place where it does."""
    found: dict[str, str] = {}
    for path in modules(room):
        for line, name in imported(path):
            found.setdefault(name.split(".")[0], f"{path.relative_to(ROOT)}:{line}")
    return found


def impurities(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and reason of each thing in a module that makes two runs differ."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in IMPURE_CALLS:
                yield node.lineno, f"calls {called}()"
            if ".".join(called.split(".")[-2:]) in CLOCKS:
                yield node.lineno, f"reads a clock: {called}()"
        if isinstance(node, ast.For | ast.comprehension):
            over = node.iter
            is_set_call = isinstance(over, ast.Call) and ast.unparse(over.func) in {"set", "frozenset"}
            if isinstance(over, ast.Set | ast.SetComp) or is_set_call:
                yield over.lineno, f"iterates over a set: {ast.unparse(over)}"


def house_section() -> str:
    readme = (ROOT / "README.md").read_text("utf-8")
    section = re.search(r"^## The house\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)
    assert section, "README.md has no section '## The house'"
    return section[1]


def house_table() -> dict[str, set[str]]:
    """The table `| folder | may import |` of the README, with `all` and `nothing of ours` spelled out."""
    rows: dict[str, str] = {}
    for line in house_section().splitlines():
        cells = [cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|")]
        if line.lstrip().startswith("|") and len(cells) >= 2 and not re.fullmatch(r":?-+:?", cells[0]):
            rows[cells[0].rstrip("/")] = cells[1]
    assert rows.pop("folder", None) == "may import", "the table under '## The house' must start with | folder | may import |"
    table = {}
    for folder, allowed in rows.items():
        if allowed == "all":
            table[folder] = set(rows)
        elif allowed == "nothing of ours":
            table[folder] = set()
        else:
            table[folder] = {name.strip().rstrip("/") for name in allowed.split(",")}
    return table


def requirement_name(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def dependencies() -> list[str]:
    project = PYPROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values(), PYPROJECT["build-system"]["requires"]]
    return sorted({requirement_name(line) for group in groups for line in group})


def locked() -> dict[str, list[str]]:
    """Each pinned requirement line of the lock with its hashes."""
    text = (ROOT / "requirements.lock").read_text("utf-8").replace("\\\n", " ")
    pins: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            pins[line.split(" --hash=")[0].strip()] = re.findall(r"--hash=(\S+)", line)
    return pins


@pytest.mark.parametrize("room", sorted(LAW))
def test_a_room_imports_only_the_rooms_the_law_gives_it(room: str) -> None:
    ours = {name: place for name, place in top_level_imports(room).items() if name in rooms()}
    forbidden = {name: place for name, place in ours.items() if name not in LAW[room] | {room}}
    assert forbidden == {}


def test_only_the_command_line_and_the_benchmarks_import_the_console() -> None:
    assert [room for room in rooms() if room not in ("bench", "console", "vigie") and "console" in top_level_imports(room)] == []


def test_nothing_that_ships_imports_the_command_line() -> None:
    packages = {pattern.rstrip("*") for pattern in PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    importers = {room: top_level_imports(room)["vigie"] for room in sorted(packages - {"vigie"}) if "vigie" in top_level_imports(room)}
    assert importers == {}


def test_detectors_import_no_clock_broker_database_or_file() -> None:
    found = {name: place for name, place in top_level_imports("detectors").items() if name in IMPURE_MODULES}
    assert found == {}


@pytest.mark.parametrize("path", modules("detectors"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_detector_module_does_nothing_that_makes_two_runs_differ(path: Path) -> None:
    assert list(impurities(ast.parse(path.read_text("utf-8"), str(path)))) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = hash('a')",
        "with open('f') as f: pass",
        "t = datetime.now()",
        "t = datetime.datetime.now(UTC)",
        "t = dt.date.today()",
        "t = time.time()",
        "for x in {1, 2}: pass",
        "y = [x for x in set(names)]",
    ],
)
def test_the_purity_check_sees_what_it_is_there_for(source: str) -> None:
    assert len(list(impurities(ast.parse(source)))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "d = digest.hash64('a')",
        "known = set(names)\nok = 'x' in known",
        "for x in sorted({1, 2}): pass",
        "day = datetime.fromtimestamp(0, UTC)",
    ],
)
def test_the_purity_check_leaves_pure_code_alone(source: str) -> None:
    assert list(impurities(ast.parse(source))) == []


def test_the_import_scan_sees_nested_and_relative_imports(tmp_path: Path) -> None:
    path = tmp_path / "room" / "sub" / "module.py"
    path.parent.mkdir(parents=True)
    path.write_text("from . import a\nfrom ..b import c\ndef f():\n    import vigie.cli\n", "utf-8")
    assert list(imported(path, tmp_path)) == [(1, "room.sub"), (2, "room.b"), (4, "vigie.cli")]


def test_the_readme_table_names_every_room_that_exists() -> None:
    assert sorted(house_table()) == rooms()


def test_the_readme_table_says_what_the_code_imports() -> None:
    table = house_table()
    broken = {
        f"{room} imports {name}": place
        for room in rooms()
        for name, place in top_level_imports(room).items()
        if name in table and name not in table[room] | {room}
    }
    assert broken == {}


def test_the_readme_table_allows_no_more_than_the_law() -> None:
    table = house_table()
    assert {room: sorted(table[room] - allowed) for room, allowed in LAW.items()} == {room: [] for room in LAW}


def test_the_readme_drawing_shows_every_room_of_the_table() -> None:
    drawing = re.search(r"^```text\n(.*?)^```", house_section(), re.MULTILINE | re.DOTALL)
    assert drawing, "the section '## The house' of README.md has no ```text drawing"
    assert [room for room in house_table() if not re.search(rf"\b{room}\b", drawing[1])] == []


def test_every_locked_package_is_pinned_and_hashed() -> None:
    pins = locked()
    assert [line for line in pins if not re.match(r"[a-z0-9._-]+==[^\s;]+( ; .+)?$", line)] == []
    assert [line for line, hashes in pins.items() if not hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in hashes)] == []


def test_the_lock_names_no_index_no_wheel_directory_and_no_machine() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert [word for word in ("://", "--index-url", "--extra-index-url", "--find-links", " @ ") if word in text] == []
    # Hashes, names, versions and markers hold no slash; a path does.
    assert [line for line in text.splitlines() if "/" in line] == []


def test_the_lock_holds_every_dependency_of_the_project() -> None:
    pinned = {requirement_name(line) for line in locked()}
    assert [name for name in dependencies() if name not in pinned] == []


def test_ci_runs_make_lint_and_make_test_and_nothing_else() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = [line for line in script.read_text("utf-8").splitlines() if line.strip() and not line.startswith("#")]
    commands = [line for line in lines if not line.startswith(("set ", "cd "))]
    assert commands == ["make lint", "make test"]


def test_every_make_target_has_a_line_of_help_and_the_working_ones_set_up_first() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    helped = re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)
    assert sorted(helped) == sorted(phony[1].split())
    for target in ("lint", "test", "run", "console", "bench"):
        assert re.search(rf"^{target}: setup ## ", makefile, re.MULTILINE), target


def test_every_decision_record_is_linked_from_the_list_of_decisions() -> None:
    index = (DECISIONS / "README.md").read_text("utf-8")
    records = sorted(path.name for path in DECISIONS.iterdir() if path.name != "README.md")
    assert records
    assert [name for name in records if f"({name})" not in index] == []
    assert [name for name in re.findall(r"\]\(([^)]+)\)", index) if not (DECISIONS / name).is_file()] == []


def test_every_dependency_has_its_line_in_a_decision_record() -> None:
    records = "\n".join(path.read_text("utf-8") for path in sorted(DECISIONS.glob("0*.md")))
    explained = set(re.findall(r"^\| `([a-z0-9-]+)` \|", records, re.MULTILINE))
    assert [name for name in dependencies() if name not in explained] == []


def test_each_lint_exception_has_its_reason_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    exceptions = [line for line in text.splitlines() if re.match(r'\s+"[A-Z]+[0-9]*",', line)]
    assert exceptions
    assert [line for line in exceptions if "#" not in line] == []
