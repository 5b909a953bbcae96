"""Imports point one way: features -> store -> domain, workers -> store -> domain."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(p for top in ("app", "workers") for p in (ROOT / top).rglob("*.py"))


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


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down_only(path: Path):
    place = path.relative_to(ROOT).parts
    imports = imports_of(path)
    if place[0] == "app":
        assert not within(imports, "workers", "scripts")
    if place[:2] == ("app", "domain"):
        above = {i for i in within(imports, "app") if not within({i}, "app.domain", "app.errors")}
        assert above <= {"app"}
        assert not within(imports, "redis", "fastapi", "pydantic", "httpx", "asyncio")
    if place[:2] == ("app", "store"):
        assert not within(imports, "app.scoring", "app.attributes", "app.banks", "app.health")
        assert not within(imports, "fastapi", "app.problems")
    if place[0] == "workers":
        assert not within(imports, "app.scoring", "app.problems", "app.main", "fastapi", "scripts")


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("vllm", "workers/engines/vllm.py"),
        ("faiss", "workers/retrieval.py"),
        ("outlines", "workers/engines/outlines.py"),
        ("sklearn", "app/calibrations/fitting/learners.py"),
        ("sentence_transformers", "workers/embedding.py"),
    ],
)
def test_each_heavy_library_is_named_in_one_file(library: str, home: str):
    users = {str(p.relative_to(ROOT)) for p in SOURCES if within(imports_of(p), library)}
    assert users == {home}


def test_importing_every_module_of_the_app_does_nothing_but_define():
    """No environment is read, no connection made, until `create_app` is called."""
    for path in SOURCES:
        for node in ast.parse(path.read_text("utf-8")).body:
            calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
            if isinstance(node, ast.Expr) and calls:
                pytest.fail(f"{path.relative_to(ROOT)}:{node.lineno} does something at import")
