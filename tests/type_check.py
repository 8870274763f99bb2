"""Strict types of what changed: the type check of `make check` and `make quick`.

basedpyright takes a minute for the whole project and keeps nothing. What it says of a file follows
from the file's text, the settings, the installed packages, and the interfaces of the modules that
the file imports, directly or by way of others. A hash of all that is kept in .build/ for each file
that was found clean, and a file is checked again once its hash differs. In CI nothing is kept, and
everything is checked (docs/decisions/0066-types-of-what-changed.md).

A module's interface is its syntax tree without comments, docstrings, and the bodies of functions
whose return type is declared: a checker infers nothing about others from those. A body counts if it
assigns attributes or globals, because their types are inferred from it.
"""

import ast
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

STATE = Path(".build/type_check.json")
PACKAGES = Path("requirements-dev.txt")
COMMAND = ("basedpyright", "--level", "error")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module(TypedDict):
    """What is kept of a file's text, so that only a changed one is parsed."""

    text: str
    interface: str
    imports: list[str]
    """Dotted names: modules, or what is in them."""


class State(TypedDict):
    """The file `STATE`."""

    settings: str
    modules: dict[str, Module]
    clean: dict[str, str]
    """From a file to its hash when it was last found clean."""


def main() -> int:
    """Check what isn't known to be clean; return basedpyright's exit code."""
    document = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["basedpyright"]
    state = _read(_hash(json.dumps(document), PACKAGES.read_text(), sys.version, sys.platform))
    modules = state["modules"] = {path: _module(path, state["modules"]) for path in _files(document["include"])}
    reached = _Reached(modules)
    hashes = {path: reached.hash_of(path) for path in modules if not _is_excluded(path, document["exclude"])}
    stale = [path for path, value in hashes.items() if state["clean"].get(path) != value]
    sys.stdout.write(f"Types: {len(stale)} of {len(hashes)} files to check\n")
    sys.stdout.flush()
    exit_code = 0
    if stale:
        program = Path(sys.executable).with_name(COMMAND[0])
        named = stale if len(stale) < len(hashes) else []  # none stands for all
        exit_code = subprocess.run([str(program), *COMMAND[1:], *named], check=False).returncode
    for path in stale:
        state["clean"][path] = "" if exit_code else hashes[path]
    STATE.parent.mkdir(exist_ok=True)
    STATE.write_text(json.dumps(state))
    return exit_code


def _read(settings: str) -> State:
    """Return what is kept; nothing in CI, or if it was kept under other settings or packages."""
    try:
        state: State = json.loads(STATE.read_bytes())
        if not os.environ.get("CI") and state["settings"] == settings:
            return state
    except (OSError, ValueError, KeyError):
        pass
    return State(settings=settings, modules={}, clean={})


def _files(include: Sequence[str]) -> Iterator[str]:
    for root in map(Path, include):
        yield from map(str, sorted(root.rglob("*.py")) if root.is_dir() else [root])


def _is_excluded(path: str, exclude: Sequence[str]) -> bool:
    return any(Path(path).is_relative_to(each) for each in exclude)


def _module(path: str, kept: Mapping[str, Module]) -> Module:
    text = Path(path).read_text()
    if path in kept and kept[path]["text"] == _hash(text):
        return kept[path]
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return Module(text=_hash(text), interface=_hash(text), imports=[])
    imports = sorted(set(_imports(tree)))
    return Module(text=_hash(text), interface=_hash(ast.dump(_Interface().visit(tree))), imports=imports)


def _imports(tree: ast.Module) -> Iterator[str]:
    """Yield what is imported anywhere in the file; imports are absolute (ruff's TID252)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


class _Interface(ast.NodeTransformer):
    """Removes what no other module's types depend on."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else node

    def _function(self, node: _Function) -> _Function:
        if node.returns is not None and not any(map(_is_inferred_from, ast.walk(node))):
            node.body = [ast.Pass()]
        return node


def _is_inferred_from(node: ast.AST) -> bool:
    stored_attribute = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    return stored_attribute or isinstance(node, ast.Global)


class _Reached:
    """What each file imports, directly or by way of others."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self._modules = modules
        self._imported = {path: set(self._files_of(path)) for path in modules}

    def hash_of(self, path: str) -> str:
        """Return a hash of the file's text and of each interface that it reaches."""
        found, new = set[str](), {path}
        while new:
            found |= new
            new = {each for importer in new for each in self._imported[importer]} - found
        return _hash(self._modules[path]["text"], *(each + self._modules[each]["interface"] for each in sorted(found)))

    def _files_of(self, path: str) -> Iterator[str]:
        """Yield the project's files that a file's imports name, packages on the way included."""
        for name in self._modules[path]["imports"]:
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                module = "/".join(parts[:length])
                # An example is a project of its own: its folder is where its imports begin.
                for start in (Path(), Path(path).parent):
                    for file in (start / f"{module}.py", start / module / "__init__.py"):
                        if str(file) in self._modules:
                            yield str(file)


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
