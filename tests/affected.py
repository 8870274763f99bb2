"""`make quick`: check what a branch changes, and run the fast tests that it reaches.

Unit tests come first, and of those the nearest. After `SECONDS` the others are left out, and the
end says how many; `make unit` and CI run all.

A test is reached if it imports a changed module, directly or by way of others, or names such a
module in its text. A module that names a changed file of another kind (docs/ops.md) counts as
changed. grimp, which import-linter brings, reads the graph of imports from the sources in a second;
pytest-testmon would need a recorded run of all tests first, and doesn't see what a test runs in a
process of its own.
"""

import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import grimp
import pytest
from typing_extensions import override

SECONDS = 12
"""No test begins later than that, so that a change of one line is answered within 20 seconds."""

FAST = "not local and not engine and not browser and not java"
"""The marker expression for tests that need no stack, Pulumi CLI, browser or Java."""

LAZY = ("ops/cli.py", "local/cli.py")
"""Files that name in their text what they import later."""

NO_TESTS_COLLECTED = 5
"""pytest's exit code if the marker expression leaves nothing to run."""

# Read by every test, or by none: the graph can't tell which.
CONCERNS_ALL = {"pyproject.toml", "requirements-dev.txt", "tests/conftest.py"}


def changed_files() -> list[str]:
    """Return the paths that differ from where the branch left main, untracked files included."""
    base = _git("merge-base", "HEAD", "main") or ["HEAD"]
    return sorted({*_git("diff", "--name-only", base[0]), *_git("ls-files", "--others", "--exclude-standard")})


def affected_tests(changed: Iterable[str]) -> list[str]:
    """Return the test files that a change can reach, unit tests and the nearest first."""
    packages: list[str] = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    words = {str(path): _words(path) for package in packages for path in sorted(Path(package).rglob("*.py"))}
    tests = [path for path in words if path.startswith("tests/") and Path(path).name.startswith("test_")]
    changed = set(changed)
    if changed & CONCERNS_ALL:
        return tests
    other_files = {Path(path).name for path in changed if not path.endswith(".py")}
    starts = changed | {path for path in words if words[path] & other_files}
    graph = grimp.build_graph(*packages, cache_dir=None)
    for path in LAZY:
        for module in words.get(path, set()) & graph.modules:
            graph.add_import(importer=module_name(path), imported=module)
    steps = _steps_to_importers(graph, graph.modules & set(map(module_name, starts)))
    reached: dict[str, int] = {}
    for path in tests:
        importers = {module_name(path), *_conftests(path), *words[path]} & steps.keys()
        if importers:
            reached[path] = min(steps[module] for module in importers)
    return sorted(reached, key=lambda path: (not path.startswith("tests/unit/"), reached[path]))


def _steps_to_importers(graph: grimp.ImportGraph, modules: set[str]) -> dict[str, int]:
    """Return the modules, and all that import them, by the number of imports in between."""
    steps: dict[str, int] = {}
    step, new = 0, modules
    while new:
        # A package's __init__.py runs before each of its modules, so their importers are reached.
        within: set[str] = set()
        for module in new:
            within |= {module, *graph.find_descendants(module)} if _is_package(module) else {module}
        steps |= dict.fromkeys(within - steps.keys(), step)
        new = {each for module in within for each in graph.find_modules_that_directly_import(module)} - steps.keys()
        step += 1
    return steps


def _is_package(module: str) -> bool:
    return Path(module.replace(".", "/"), "__init__.py").exists()


def module_name(path: str) -> str:
    """Return the dotted name by which a file is imported."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def main(arguments: Sequence[str]) -> int:
    """Check what is changed, or only print the tests (`--list`); pass other arguments to pytest."""
    changed = [path for path in changed_files() if Path(path).exists()]
    tests = affected_tests(changed)
    if "--list" in arguments:
        sys.stdout.writelines(f"{path}\n" for path in tests)
        return 0
    sources = [path for path in changed if path.endswith(".py")]
    ruff = [(_tool("ruff"), *rest, *sources) for rest in (("format", "--check"), ("check",)) if sources]
    ended = [subprocess.run(command, check=False).returncode for command in ruff]
    # These run beside the tests, and say what they found after them.
    commands = [(sys.executable, "-m", "tests.type_check"), (_tool("lint-imports"), "--no-logo", "--no-cache")]
    checks = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for command in commands]
    if tests:
        options = ["-q", "-m", FAST, "--hypothesis-profile=quick", *arguments, *tests]
        ended.append(int(pytest.main(options, plugins=[UntilTime(SECONDS)])))
    for check in checks:
        sys.stdout.write(check.communicate()[0].decode())
        ended.append(check.returncode)
    return max(code for code in ended if code != NO_TESTS_COLLECTED)


class UntilTime:
    """A plugin of pytest: reads files for half of the time, and begins tests until its end."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began = 0.0
        self._files_left_out = self._tests_left_out = 0

    def pytest_sessionstart(self) -> None:
        self._began = time.monotonic()

    def pytest_pycollect_makemodule(self, module_path: Path, parent: pytest.Collector) -> pytest.Module:
        module: _File = cast("Any", _File).from_parent(parent, path=module_path)
        module.is_left_out = self._leaves_out
        return module

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> bool | None:
        if time.monotonic() < self._began + self._seconds:
            return None
        self._tests_left_out += 1
        return True  # pytest takes it as run, and reports nothing

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._files_left_out or self._tests_left_out:
            left_out = f"{self._tests_left_out} tests, and {self._files_left_out} files of tests"
            terminalreporter.write_line(f"Left out for time: {left_out}. `make unit` runs all")

    def _leaves_out(self) -> bool:
        is_late = time.monotonic() > self._began + self._seconds / 2
        self._files_left_out += is_late
        return is_late


class _File(pytest.Module):
    """A file of tests, which is read as long as there is time."""

    is_left_out: Callable[[], bool]

    @override
    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        return [] if self.is_left_out() else super().collect()


def _git(*arguments: str) -> list[str]:
    return subprocess.run(["git", *arguments], check=False, capture_output=True, text=True).stdout.split()


def _tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _conftests(test: str) -> set[str]:
    # All but tests/conftest.py: its fixtures start stacks and emulators, for tests that are slow or
    # import them anyway.
    return {module_name(str(folder / "conftest.py")) for folder in Path(test).parents[:-2]}


def _words(path: Path) -> set[str]:
    return set(re.findall(r"[\w.-]+", path.read_text()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
