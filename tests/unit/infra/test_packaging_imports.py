from pathlib import Path

import pytest

from infra.packaging import UnreadableSourceError, imported_sources


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "functions/__init__.py": "",
        "functions/text.py": "",
        "functions/unused.py": "",
        "functions/wanted/__init__.py": "from functions.wanted.inner import THING\n",
        "functions/wanted/inner.py": "THING = 1\n",
        "functions/wanted/lazy.py": "",
        "functions/wanted/sibling.py": "",
        "functions/wanted/cousin.py": "",
        "functions/hello/__init__.py": "",
        "other/functions.py": "",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return tmp_path


def sources(root: Path, handler: str) -> set[str]:
    """Return what a handler imports, without itself and its own packages."""
    path = root / "functions/hello/handler.py"
    path.write_text(handler, encoding="utf-8")
    found = {source.relative_to(root).as_posix() for source in imported_sources(path, root)}
    return found - {"functions/__init__.py", "functions/hello/__init__.py", "functions/hello/handler.py"}


WANTED = {"functions/wanted/__init__.py", "functions/wanted/inner.py"}


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        pytest.param("import json\nimport botocore.session\n", set[str](), id="only what is ours"),
        pytest.param("import functions.text\n", {"functions/text.py"}, id="a module"),
        pytest.param("import functions.text as words\n", {"functions/text.py"}, id="under another name"),
        pytest.param("from functions import text\n", {"functions/text.py"}, id="a module from its package"),
        pytest.param("from functions.wanted import THING\n", WANTED, id="a name, and what its package imports"),
        pytest.param("import functions.wanted.inner\n", WANTED, id="a module in a package, and the package"),
        pytest.param(
            "def f():\n    from functions.wanted import lazy\n",
            WANTED | {"functions/wanted/lazy.py"},
            id="in a function",
        ),
        pytest.param(
            "from ..wanted.sibling import x\n", WANTED | {"functions/wanted/sibling.py"}, id="relative, with a module"
        ),
        pytest.param("from ..wanted import cousin\n", WANTED | {"functions/wanted/cousin.py"}, id="relative"),
        pytest.param("from other import functions\n", set[str](), id="a module of another package of that name"),
    ],
)
def test_imports_are_followed(root: Path, handler: str, expected: set[str]) -> None:
    assert sources(root, handler) == expected


def test_a_circular_import_is_followed_once(root: Path) -> None:
    (root / "functions/text.py").write_text("import functions.hello.handler\n", encoding="utf-8")

    assert sources(root, "import functions.text\n") == {"functions/text.py"}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param("def f(:\n", r"SyntaxError: .*\(functions/text\.py, line 1\)", id="no Python"),
        pytest.param('x = "\0"\n', r"null bytes.*\(functions/text\.py", id="a NUL"),
        pytest.param(f"x = {'-' * 100_000}1\n", r"Error: .*\(functions/text\.py", id="nested too deeply"),
    ],
)
def test_a_source_that_is_not_python_is_named(source: str, said: str, root: Path) -> None:
    (root / "functions/text.py").write_text(source, encoding="utf-8")

    with pytest.raises(UnreadableSourceError, match=said):
        sources(root, "import functions.text\n")


def test_a_source_deleted_while_it_is_read_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_file(path: Path) -> bool:
        return path.name in ("gone.py", "__init__.py") and path.parent.name != "gone"

    monkeypatch.setattr(Path, "is_file", is_file)

    with pytest.raises(UnreadableSourceError, match=r"FileNotFoundError: .*\(functions/gone\.py\)"):
        sources(root, "import functions.gone\n")
