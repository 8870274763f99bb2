"""The workflows of .github: linted, pinned, without keys, and in step with the version of the engine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
PINNED_BY_COMMIT = re.compile(r"^[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
EVERY_FILE = [*WORKFLOWS, *sorted((GITHUB / "actions").rglob("*.yml"))]


def load(path: Path) -> dict[str, Any]:
    # `on` is YAML 1.1 for true; no test here reads that key.
    return yaml.safe_load(path.read_text())


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_zizmor_finds_nothing_that_a_workflow_gives_away() -> None:
    found = run(str(Path(sys.executable).with_name("zizmor")), "--offline", "--quiet", str(GITHUB))
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.skipif(
    not shutil.which("go") and not os.environ.get("CI"),
    reason="actionlint is built with Go, and there is no Go on PATH",
)
def test_actionlint_finds_nothing() -> None:
    found = run("go", "run", ACTIONLINT, *map(str, WORKFLOWS))
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("path", EVERY_FILE, ids=lambda path: str(path.relative_to(GITHUB)))
def test_every_action_is_pinned_by_commit(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text())
    loose = [action for action in used if not action.startswith("./") and not PINNED_BY_COMMIT.match(action)]
    assert loose == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_starts_with_no_permission_and_each_job_names_its_own(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert job["permissions"].items() <= ALLOWED.items(), f"{path.name}: job {name}"


ALLOWED = {"contents": "read", "id-token": "write", "pull-requests": "write"}


@pytest.mark.parametrize("path", EVERY_FILE, ids=lambda path: str(path.relative_to(GITHUB)))
def test_no_workflow_holds_a_long_lived_key(path: Path) -> None:
    assert not re.search(r"secrets\.|ACCESS_KEY|ACCESS_TOKEN|PASSPHRASE", path.read_text())


def test_prod_waits_for_the_tests_the_preview_and_the_approval_of_its_environment() -> None:
    jobs = load(GITHUB / "workflows" / "deploy-prod.yml")["jobs"]
    assert jobs["deploy"]["environment"] == "prod"
    assert (jobs["deploy"]["needs"], jobs["preview"]["needs"], jobs["test"]["needs"]) == (
        "preview",
        "test",
        "tag-is-on-main",
    )


def test_a_preview_never_runs_as_the_role_that_deploys() -> None:
    assert "AWS_DEPLOY_ROLE" not in (GITHUB / "workflows" / "preview.yml").read_text()


@pytest.mark.parametrize("path", EVERY_FILE, ids=lambda path: str(path.relative_to(GITHUB)))
def test_the_workflows_use_the_engine_that_was_tested(path: Path) -> None:
    found = re.search(r"github\.com/pulumi/pulumi/pkg/v3 v([\d.]+)", (ROOT / "engine" / "go.mod").read_text())
    assert found
    assert set(re.findall(r"pulumi-version: (\S+)", path.read_text())) <= {found[1]}
