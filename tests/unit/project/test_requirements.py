"""What is installed is pinned by its content, and nothing is pinned that nobody needs."""

import re
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from infra.naming import PROJECT_ROOT
from tests.support.aws.dynamodb_local import CHECKSUMS, unexpected_files

NAMES = sorted(path for depth in ("", "*/", "*/*/") for path in PROJECT_ROOT.glob(f"{depth}requirements*.in"))
EVERYTHING = PROJECT_ROOT / "requirements-dev.txt"
OF_FUNCTIONS = sorted((PROJECT_ROOT / "functions").glob("*/requirements.in"))
PINNED = re.compile(r"(?P<requirement>[a-z0-9-]+==[^ ;]+(?: ; [^-]+?)?)(?: +--hash=sha256:[0-9a-f]{64})+")


def relative(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT))


def lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for each in text.splitlines() if (line := each.split("#")[0].strip())]


def pinned(path: Path) -> dict[NormalizedName, set[str]]:
    """Return the versions of each package; a package may have another one on an older Python."""
    found: dict[NormalizedName, set[str]] = {}
    for line in lines(path):
        match = PINNED.fullmatch(line)
        if match:
            requirement = Requirement(match["requirement"])
            found.setdefault(canonicalize_name(requirement.name), set()).add(str(requirement.specifier))
    return found


def needed(names: Path) -> Iterator[Requirement]:
    """Yield what a list of names and those that it includes name."""
    for line in lines(names):
        if line.startswith("-r "):
            yield from needed(names.parent / line.removeprefix("-r "))
        elif not line.startswith("--"):
            yield Requirement(line)


@pytest.mark.parametrize("names", NAMES, ids=relative)
def test_every_package_is_pinned_by_version_and_content(names: Path) -> None:
    options, *packages = lines(names.with_suffix(".txt"))

    assert options == "--only-binary :all:", "a source package would fetch what builds it, unpinned"
    assert [line for line in packages if not PINNED.fullmatch(line)] == []
    assert {canonicalize_name(each.name) for each in needed(names)} <= pinned(names.with_suffix(".txt")).keys()


@pytest.mark.parametrize("names", NAMES, ids=relative)
def test_every_list_has_the_same_versions(names: Path) -> None:
    everything = pinned(EVERYTHING)

    differing = {
        name: (versions, everything[name])
        for name, versions in pinned(names.with_suffix(".txt")).items()
        if name in everything and versions != everything[name]
    }
    assert differing == {}


@pytest.mark.parametrize("names", OF_FUNCTIONS, ids=relative)
def test_a_function_s_packages_are_in_the_environment_that_runs_it_on_a_laptop(names: Path) -> None:
    assert f"-r {relative(names)}" in lines(PROJECT_ROOT / "requirements.in")


def test_every_pinned_package_is_needed_by_the_project_or_by_one_that_is() -> None:
    waiting = list(needed(EVERYTHING.with_suffix(".in")))
    found: set[tuple[NormalizedName, str]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in requirement.extras or {""}:
            if (name, extra) not in found:
                found.add((name, extra))
                further = map(Requirement, requires(name) or ())
                waiting += [each for each in further if each.marker is None or each.marker.evaluate({"extra": extra})]

    here = {
        canonicalize_name(requirement.name)
        for line in lines(EVERYTHING)
        if (match := PINNED.fullmatch(line))
        and ((requirement := Requirement(match["requirement"])).marker is None or requirement.marker.evaluate())
    }
    assert here == {name for name, _ in found}


INSTALLING = [PROJECT_ROOT / "Makefile", PROJECT_ROOT / ".ci" / "run", *(PROJECT_ROOT / ".github").rglob("*.yml")]


@pytest.mark.parametrize("path", INSTALLING, ids=relative)
def test_a_command_installs_only_what_is_pinned(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    installs = re.findall(r"\bpip install[^;|\n]*", text)
    lists = re.findall(r"\$\(call install,(.*)\)", text)

    pinned = re.compile(r"--require-hashes -r (\S*requirements\S*\.txt|\$\(1\))\s*$")
    assert [command for command in installs if not pinned.search(command)] == []
    assert [name for name in lists if not re.fullmatch(r"requirements\S*\.txt", name)] == []
    # `pulumi install` upgrades pip, setuptools and wheel to the newest.
    assert re.findall(r"^ *pulumi install(?! --no-dependencies)", text, re.MULTILINE) == []


def test_the_pulumi_cli_and_its_sdk_have_one_version_everywhere() -> None:
    go_module = (PROJECT_ROOT / "local" / "engine" / "pulumi_cli" / "go.mod").read_text(encoding="utf-8")
    cli = re.findall(r"github\.com/pulumi/pulumi/(?:pkg|sdk)/v3 v([\d.]+)", go_module)
    workflows = [
        version
        for path in (PROJECT_ROOT / ".github").rglob("*.yml")
        for version in re.findall(r"pulumi-version: (\S+)", path.read_text(encoding="utf-8"))
    ]

    assert len(cli) == 2
    assert workflows
    assert {*cli, *workflows} == {cli[0]}
    assert pinned(EVERYTHING)[canonicalize_name("pulumi")] == {f"=={cli[0]}"}


def test_a_changed_a_missing_and_a_further_file_of_dynamodb_local_are_noticed(tmp_path: Path) -> None:
    pairs = [line.split() for line in CHECKSUMS.read_text(encoding="utf-8").splitlines()]
    checksums = {name: checksum for checksum, name in pairs}
    changed, *missing = checksums
    (tmp_path / changed).write_bytes(b"another content")
    (tmp_path / "planted.jar").write_bytes(b"")

    assert unexpected_files(tmp_path) == sorted([changed, *missing, "planted.jar"])
    assert all(re.fullmatch(r"[0-9a-f]{64}", checksum) for checksum in checksums.values())
