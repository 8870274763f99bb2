"""Which of our own modules a handler needs, found by reading its imports and theirs, without running any of them."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "functions"


class UnreadableSourceError(Exception):
    """A source that can't be read, or is no Python; the message says which, where in it, and why."""


def imported_sources(module: Path, root: Path) -> list[Path]:
    """Follow the imports of `functions.*` from one module.

    Args:
        module: a source file below `root/functions`.
        root: the folder that holds `functions`.

    Returns:
        The module, every module of ours it imports (in functions and under `if TYPE_CHECKING` too, which does no
        harm), and the `__init__.py` of every package on the way; sorted.

    Raises:
        UnreadableSourceError: one of them can't be read, or is no Python.
    """
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        source = waiting.pop()
        if source in found:
            continue
        found.add(source)
        waiting += _packages_above(source, root)
        for name in _imported_names(source, root):
            waiting += _files(name, root)
    return sorted(found)


def _imported_names(source: Path, root: Path) -> Iterator[str]:
    """Dotted names below `functions` that a file may mean; some name an attribute and not a module."""
    for node in ast.walk(_parsed(source, root)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, source, root)
            names = [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == PACKAGE)


def _parsed(source: Path, root: Path) -> ast.Module:
    where = source.relative_to(root).as_posix()
    try:
        return ast.parse(source.read_bytes(), filename=str(source))
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise UnreadableSourceError(f"SyntaxError: {error.msg}  ({where}{line})") from error
    # The last two are the parser's, at what is nested too deeply; some versions of Python have the first for a NUL.
    except (ValueError, OSError, RecursionError, MemoryError) as error:
        raise UnreadableSourceError(f"{type(error).__name__}: {error}  ({where})") from error


def _origin(node: ast.ImportFrom, source: Path, root: Path) -> str:
    """The absolute name of the module in `from <module> import ...`."""
    if not node.level:
        return node.module or ""
    package = source.parent.relative_to(root).parts
    above = package[: len(package) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _files(name: str, root: Path) -> list[Path]:
    path = root.joinpath(*name.split("."))
    candidates = [path.with_suffix(".py"), path / "__init__.py"]
    return [candidate for candidate in candidates if candidate.is_file()]


def _packages_above(source: Path, root: Path) -> list[Path]:
    folders = [folder for folder in source.parents if folder != root and root in folder.parents]
    return [folder / "__init__.py" for folder in folders if (folder / "__init__.py").is_file()]
