"""A page of docs/ followed to the letter in a copy of the project.

What to do stands in fenced blocks:

    <!-- add to PATH, before: LINE -->    the block goes above the line of PATH that reads LINE
    <!-- add to PATH, after: LINE -->     the block goes below it
    <!-- new file PATH -->                the block is the file
    ```sh                                 each line is a command, run in the project's folder

A block in a list is indented as the list is. Other blocks are for reading alone. A step that the
project has taken already, because its developers follow the page too, is left as it is.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from infra.naming import PROJECT_ROOT

_BLOCK = re.compile(
    r"^(?P<indent> *)(?:<!-- (?P<what>[^\n]+) -->\n(?P=indent))?```(?P<language>\w+)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_PLACE = re.compile(r"add to (?P<path>\S+), (?P<where>before|after): (?P<line>.+)")
_NEW = re.compile(r"new file (?P<path>\S+)")
# What a checkout has and nobody wrote.
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".build", ".engine", ".local", ".hypothesis", ".*_cache", "__pycache__", "test-artifacts"
)
_COMMAND_SECONDS = 240


class GuideError(AssertionError):
    """A step of the page can't be done as it is written."""


class Step(NamedTuple):
    """One block of the page that says what to do."""

    what: str  # the comment above the block, "" for commands
    text: str


def steps_of(page: str, heading: str) -> list[Step]:
    """Return what a section says to do, in order.

    Args:
        page: path below docs/.
        heading: of the section, as in "### A unique attribute"; the section ends with the next
            heading of any level.
    """
    _, found, rest = (PROJECT_ROOT / "docs" / page).read_text(encoding="utf-8").partition(f"\n{heading}\n")
    if not found:
        raise GuideError(f"docs/{page} has no section {heading!r}")
    section = re.split(r"^##+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return [
        Step(block["what"] or "", re.sub(rf"^{block['indent']}", "", block["text"], flags=re.MULTILINE))
        for block in _BLOCK.finditer(section)
        if block["what"] or block["language"] == "sh"
    ]


class ProjectCopy:
    """A copy of the project, in which steps are done as a developer would."""

    def __init__(self, directory: Path) -> None:
        """Copy the project into a directory that doesn't exist yet."""
        self.directory = directory
        shutil.copytree(PROJECT_ROOT, directory, ignore=_LEFT_OUT, symlinks=True)
        (directory / ".venv").symlink_to(Path(sys.prefix))
        self._original = self._contents()
        self.done_before: set[str] = set()
        """The paths of followed steps that the project had taken already."""

    def follow(self, steps: Sequence[Step]) -> None:
        """Do each step; raise `GuideError` for the first that fails."""
        if not steps:
            raise GuideError("the section says nothing to do")
        for step in steps:
            if place := _PLACE.fullmatch(step.what):
                self._add(place["path"], place["where"], place["line"], step.text)
            elif new := _NEW.fullmatch(step.what):
                self._write_new(new["path"], step.text)
            elif step.what:
                raise GuideError(f"the comment {step.what!r} names no place: see tests/support/guide.py")
            else:
                for command in step.text.splitlines():
                    self.run(command)

    def run(self, command: str) -> str:
        """Run a shell command with the project's tools, and return what it prints."""
        # The tools of .venv come first, as in an activated environment.
        path = os.pathsep.join([str(self.directory / ".venv" / "bin"), os.environ["PATH"]])
        result = subprocess.run(
            ["sh", "-c", command],
            cwd=self.directory,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_SECONDS,
        )
        if result.returncode != 0:
            raise GuideError(
                f"{command}\nends with {result.returncode}:\n{result.stdout[-4000:]}{result.stderr[-4000:]}"
            )
        return result.stdout

    def changed_files(self) -> set[str]:
        """Return the paths that differ from the project's or did so before; new ones included."""
        now = self._contents()
        changed = {path for path in now.keys() | self._original.keys() if now.get(path) != self._original.get(path)}
        return changed | self.done_before

    def _add(self, path: str, where: str, line: str, text: str) -> None:
        file = self.directory / path
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        found = [number for number, each in enumerate(lines) if each.strip() == line.strip()]
        if len(found) != 1:
            raise GuideError(f"{path} has the line {line!r} {len(found)} times, not once")
        at = found[0] + (where == "after")
        beside = iter(lines[:at] if where == "before" else lines[at:])
        # In order, and perhaps with lines of a later step between.
        if all(line in beside for line in text.splitlines(keepends=True)):
            self.done_before.add(path)
        else:
            file.write_text("".join([*lines[:at], text, *lines[at:]]), encoding="utf-8")

    def _write_new(self, path: str, text: str) -> None:
        file = self.directory / path
        if file.exists():
            if file.read_text(encoding="utf-8") != text:
                raise GuideError(f"{path} is there already, and another")
            self.done_before.add(path)
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def _contents(self) -> dict[str, bytes]:
        return {file.relative_to(self.directory).as_posix(): file.read_bytes() for file in _files(self.directory)}


def _files(directory: Path) -> Iterator[Path]:
    """Yield the files of a project, without what its copy leaves out."""
    for folder, folders, names in os.walk(directory):
        left_out = _LEFT_OUT(folder, folders)
        folders[:] = [name for name in folders if name not in left_out]
        yield from (Path(folder, name) for name in names)
