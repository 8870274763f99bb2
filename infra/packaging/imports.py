"""Find the modules below functions/ that a handler imports, by parsing and without running them."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "functions"


class UnreadableSourceError(Exception):
    """A source can't be read or isn't Python; the message has the file, the line and the reason."""


def imported_sources(module: Path, root: Path) -> list[Path]:
    """Follow the imports of `functions.*` from one module.

    Args:
        module: a source file below `root/functions`.
        root: the folder that contains `functions`.

    Returns:
        The module, every module of ours that it imports, directly or not, and the `__init__.py` of
        their packages; sorted. Imports inside functions and under `if TYPE_CHECKING` count too.

    Raises:
        UnreadableSourceError: one of them can't be read, or isn't Python.
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
    """Yield the dotted names below `functions` in a file; some name an attribute, not a module."""
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
    # The parser raises ValueError for a NUL in some versions of Python, and the last two for too
    # deep nesting.
    except (ValueError, OSError, RecursionError, MemoryError) as error:
        raise UnreadableSourceError(f"{type(error).__name__}: {error}  ({where})") from error


def _origin(node: ast.ImportFrom, source: Path, root: Path) -> str:
    """Return the absolute name of the module in `from <module> import ...`."""
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
