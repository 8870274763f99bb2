"""What each target of the Makefile runs, and how `make setup` repairs an environment (fake pip)."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.naming import PROJECT_ROOT

WITH_PIP = "#!/bin/sh\nexit 0\n"
WITHOUT_PIP = "#!/bin/sh\nexit 1\n"
MAKES_ENVIRONMENTS = """#!/bin/sh
case "$*" in
*"-m venv"*)
    mkdir -p .venv/bin && printf '#!/bin/sh\\nexit 0\\n' > .venv/bin/python && chmod +x .venv/bin/python && echo made ;;
esac
"""


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("Makefile", "requirements-dev.txt", "requirements-local.txt", "requirements-uv.txt"):
        shutil.copy(PROJECT_ROOT / name, tmp_path)
    return tmp_path


def setup(project: Path) -> str:
    python = script(project / "python", MAKES_ENVIRONMENTS)
    return make(project, "setup", f"PYTHON={python}")


def make(project: Path, *arguments: str, **variables: str) -> str:
    # Without the variables of the `make test` that may run this test.
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name not in {"ARGS", "CI"}
    }
    program = shutil.which("make")
    assert program
    return subprocess.run(
        [program, *arguments], cwd=project, env=inherited | variables, check=True, capture_output=True, text=True
    ).stdout


def dry_run(project: Path, *arguments: str, **variables: str) -> str:
    """Return the commands that make would run."""
    return make(project, "--dry-run", *arguments, **variables)


def test_an_environment_without_pip_is_created_again(project: Path) -> None:
    script(project / ".venv/bin/python", WITHOUT_PIP)

    assert "made" in setup(project)


def test_a_working_environment_is_kept(project: Path) -> None:
    script(project / ".venv/bin/python", WITH_PIP)

    assert "made" not in setup(project)


def test_uv_installs_what_is_pinned(project: Path) -> None:
    script(project / ".venv/bin/python", WITH_PIP)
    script(project / ".venv/bin/uv", '#!/bin/sh\n[ "$1" = --version ] || echo "uv $*"\n')

    assert "uv pip install --python .venv/bin/python --require-hashes -r requirements-dev.txt" in setup(project)


def test_without_uv_pip_installs_what_is_pinned(project: Path) -> None:
    script(
        project / ".venv/bin/python", '#!/bin/sh\ncase "$*" in *requirements-uv.txt) exit 1 ;; esac\necho "python $*"\n'
    )

    told = setup(project)

    assert "No uv for this platform: pip is slower" in told
    assert "python -m pip install --disable-pip-version-check --require-hashes -r requirements-dev.txt" in told


def test_the_local_stack_needs_no_tools_of_the_tests(project: Path) -> None:
    commands = dry_run(project, "up")

    assert "-r requirements-local.txt" in commands
    assert "-r requirements-dev.txt" not in commands


CHECKS = ("ruff format --check .", "ruff check .", "tests.type_check", "lint-imports")
PARALLEL = "-n auto --dist loadfile --no-loadscope-reorder"
ENGINE = "local/engine/pulumi_cli/install"


def test_the_default_is_every_check_then_every_test(project: Path) -> None:
    commands = dry_run(project)

    assert all(check in commands for check in CHECKS)
    assert commands.rstrip().endswith(f"python -m pytest {PARALLEL}")


def test_ci_needs_the_engine(project: Path) -> None:
    assert ENGINE in dry_run(project, "test", CI="true", PATH="")


def test_a_machine_with_go_builds_the_engine(project: Path) -> None:
    script(project / "bin/go", WITH_PIP)

    assert ENGINE in dry_run(project, "test", PATH=str(project / "bin"))


def test_a_machine_without_go_tests_without_the_engine(project: Path) -> None:
    assert ENGINE not in dry_run(project, "test", PATH="")


@pytest.mark.parametrize("target", ["test", "unit"])
def test_chosen_tests_run_without_checks_and_without_the_engine(project: Path, target: str) -> None:
    commands = dry_run(project, target, "ARGS=tests/unit/ops -k replay", CI="true")

    assert not any(command in commands for command in (*CHECKS, ENGINE))
    assert commands.rstrip().endswith("tests/unit/ops -k replay")


def test_unit_runs_the_tests_without_a_stack_on_all_cores(project: Path) -> None:
    assert dry_run(project, "unit").rstrip().endswith(f"pytest {PARALLEL} tests/unit tests/properties tests/stack")


def test_quick_leaves_the_choice_to_what_changed(project: Path) -> None:
    assert dry_run(project, "quick", "ARGS=-x").rstrip().endswith("python -m tests.affected -x")


def test_check_changes_nothing(project: Path) -> None:
    commands = dry_run(project, "check")

    assert all(check in commands for check in CHECKS)
    assert "--fix" not in commands


def test_lock_pins_every_list_of_names_with_the_versions_of_the_one_that_has_all(project: Path) -> None:
    script(project / ".venv/bin/python", WITH_PIP)
    script(project / ".venv/bin/uv", '#!/bin/sh\necho "$*" >> told\n')
    lists = [
        *("requirements.in", "requirements-local.in", "requirements-uv.in"),
        *("benchmarks/requirements.in", "functions/manage_users/requirements.in"),
    ]
    for name in lists:
        script(project / name, "")

    make(project, "lock", "ARGS=--upgrade-package boto3")

    told = (project / "told").read_text().splitlines()
    everything, *others = [line for line in told if line.startswith("pip compile")]
    assert all("--generate-hashes" in line and "--upgrade-package boto3" in line for line in [everything, *others])
    assert everything.endswith(" requirements-dev.in -o requirements-dev.txt")
    assert [line.partition(" -c ")[2] for line in others] == [
        f"requirements-dev.txt {name} -o {name.removesuffix('.in')}.txt" for name in lists
    ]


def test_help_explains_every_target_once(project: Path) -> None:
    explained = [line.split()[0] for line in make(project, "help").splitlines()]

    assert sorted(explained) == sorted(set(explained))
    assert {"setup", "check", "fix", "engine", "test", "unit", "quick", "up", "down"} <= set(explained)
