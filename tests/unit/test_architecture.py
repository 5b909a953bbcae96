"""The plan of the house, held: imports point down, folders have no circles, files are short."""

import ast
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(p for top in ("app", "workers") for p in (ROOT / top).rglob("*.py"))
SCRIPTS = sorted((ROOT / "scripts").rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(imports: set[str], *prefixes: str) -> set[str]:
    return {i for i in imports if any(i == p or i.startswith(p + ".") for p in prefixes)}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def graph_of(package: str, imports: dict[str, Iterable[str]]) -> dict[str, set[str]]:
    """Which parts of a package, its modules and folders, import which others of its parts."""

    def part(module: str) -> str:
        rest = module.removeprefix(package + ".") if module.startswith(package + ".") else ""
        return rest.split(".")[0]

    graph: dict[str, set[str]] = {}
    for module, imported in imports.items():
        if importer := part(module):
            others = {part(name) for name in imported} - {importer, ""}
            graph.setdefault(importer, set()).update(others)
    return graph


MODULES = {module_name(path): path for path in SOURCES}
IMPORTS = {name: imports_of(path) & MODULES.keys() for name, path in MODULES.items()}
PACKAGES = sorted(name for name, path in MODULES.items() if path.name == "__init__.py")


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_parts_of_a_package_import_each_other(package: str):
    """Neither directly nor through others; a part is a module or a folder with all in it."""
    try:
        TopologicalSorter(graph_of(package, IMPORTS)).prepare()
    except CycleError as error:
        pytest.fail(f"{package}: {' <- '.join(error.args[1])}")


LAYERS = (
    ("app.errors",),
    ("app.domain",),
    ("app.settings", "app.schema", "app.telemetry"),
    ("app.store",),
    ("app.http",),
    ("app.scoring",),
    ("app.calibrations",),
    ("app.people",),
    ("app.selection",),
    ("app.scores", "app.banks", "app.attribute_sets", "app.models", "app.health", "app.access"),
    ("app.writing",),
    ("app.resources", "app.listening"),
    ("app.supervisor",),
    ("app.main",),
)
"""From the bottom up. A part imports from those below it, and from none beside it."""
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}


def part_of(module: str) -> str:
    """The part of the house that a module is in: `app.store.queue` is in `app.store`."""
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("app.")])
def test_imports_point_down_only(module: str):
    own = part_of(module)
    assert own in LEVEL, f"{own} has no layer: add it to LAYERS and to app/README.md"
    others = {part_of(m) for m in IMPORTS[module]} - {own, "app"}
    assert {o for o in others if LEVEL.get(o, 99) >= LEVEL[own]} == set()


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("workers.")])
def test_workers_import_the_store_and_what_is_below_it(module: str):
    below = {part for part, level in LEVEL.items() if level <= LEVEL["app.store"]}
    others = {part_of(m) for m in IMPORTS[module] if m.startswith("app")}
    assert others <= below | {"app"}


WORKER_BASICS = ("errors", "subject", "concurrency", "isolation")
WORKER_FOLDERS = ("tokenization", "engines", "retrieval", "methods", "judges")
"""From the bottom up; the modules of the process are above them."""


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("workers.")])
def test_folders_of_the_worker_import_only_those_below_them(module: str):
    order = [f"workers.{name}" for name in (*WORKER_BASICS, *WORKER_FOLDERS)]
    own = part_of(module)
    if own in order:
        others = {part_of(m) for m in IMPORTS[module] if m.startswith("workers.")}
        assert others <= set(order[: order.index(own) + 1])


def test_the_domain_is_pure():
    for module, path in MODULES.items():
        if part_of(module) == "app.domain":
            outside = within(imports_of(path), "redis", "fastapi", "pydantic", "httpx", "asyncio")
            assert outside == set(), module


@pytest.mark.parametrize("path", [*SOURCES, *SCRIPTS], ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 350
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 50, f"{node.name} is too long"


def test_a_circle_between_folders_is_found():
    imports = {"p.a.x": {"p.b.y"}, "p.b.y": set(), "p.b.z": {"p.a.w"}, "p.a.w": set()}
    with pytest.raises(CycleError):
        TopologicalSorter(graph_of("p", imports)).prepare()
    TopologicalSorter(graph_of("p.a", imports)).prepare()


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("faiss", "workers/retrieval/index.py"),
        ("outlines", "workers/engines/outlines.py"),
        ("sklearn", "app/calibrations/fitting/learners.py"),
        ("sentence_transformers", "workers/retrieval/embedding.py"),
    ],
)
def test_each_heavy_library_is_named_in_one_file(library: str, home: str):
    users = {str(p.relative_to(ROOT)) for p in SOURCES if within(imports_of(p), library)}
    assert users == {home}


def test_vllm_is_named_in_its_engine_and_where_its_pooling_runner_reads_states():
    users = {str(p.relative_to(ROOT)) for p in SOURCES if within(imports_of(p), "vllm")}
    states = "workers/judges/states"
    assert users == {"workers/engines/vllm.py", f"{states}/vllm.py", f"{states}/vllm_model.py"}


def test_importing_every_module_of_the_app_does_nothing_but_define():
    """No environment is read, no connection made, until `create_app` is called."""
    for path in SOURCES:
        for node in ast.parse(path.read_text("utf-8")).body:
            calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
            if isinstance(node, ast.Expr) and calls:
                pytest.fail(f"{path.relative_to(ROOT)}:{node.lineno} does something at import")
