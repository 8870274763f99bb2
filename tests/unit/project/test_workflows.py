"""The workflows of .github: linted, pinned, without keys, with the engine's tested version."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.settings.types import NEWEST_RUNTIME
from tests.browser.conftest import ARTIFACTS

ROOT = Path(__file__).resolve().parents[3]
GITHUB = ROOT / ".github"
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
TAG = "v[0-9]+.[0-9]+.[0-9]+"
PINNED_BY_COMMIT = re.compile(r"^[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
EVERY_FILE = [*WORKFLOWS, *sorted((GITHUB / "actions").rglob("*.yml"))]


def load(path: Path) -> dict[str, Any]:
    workflow = yaml.safe_load(path.read_text())
    return {"on" if key is True else key: value for key, value in workflow.items()}  # YAML 1.1's word for true


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
        wrong = {each: level for each, level in job["permissions"].items() if level not in ALLOWED.get(each, [])}
        assert wrong == {}, f"{path.name}: job {name}"


ALLOWED = {"contents": ["read"], "id-token": ["write"], "pull-requests": ["read", "write"]}


@pytest.mark.parametrize("path", EVERY_FILE, ids=lambda path: str(path.relative_to(GITHUB)))
def test_no_workflow_holds_a_long_lived_key(path: Path) -> None:
    assert not re.search(r"secrets\.|ACCESS_KEY|ACCESS_TOKEN|PASSPHRASE", path.read_text())


def test_the_pictures_of_the_browser_tests_outlive_the_machine_that_ran_them() -> None:
    steps = load(GITHUB / "workflows" / "test.yml")["jobs"]["test"]["steps"]
    (kept,) = [step for step in steps if step.get("uses", "").startswith("actions/upload-artifact@")]
    assert ROOT / kept["with"]["path"] in ARTIFACTS.parents
    assert steps.index(kept) > steps.index({"run": ".ci/run"})
    assert kept["if"] == "${{ !cancelled() }}", "a failed run's pictures are the ones that are wanted"


@pytest.mark.parametrize(
    ("name", "trigger", "job", "wanted"),
    [
        ("preview", {"pull_request": None}, "preview", {"command": "preview", "comment-token": "${{ github.token }}"}),
        ("deploy-dev", {"push": {"branches": ["main"]}}, "deploy", {"command": "up", "stack": "dev"}),
        ("deploy-prod", {"push": {"tags": [TAG]}}, "deploy", {"command": "up", "stack": "prod"}),
    ],
)
def test_each_workflow_does_its_one_thing_when_it_should(
    name: str, trigger: Any, job: str, wanted: dict[str, str]
) -> None:
    workflow = load(GITHUB / "workflows" / f"{name}.yml")
    assert workflow["on"] == trigger
    (step,) = [step for step in workflow["jobs"][job]["steps"] if step["uses"] == "./.github/actions/pulumi"]
    assert wanted.items() <= step["with"].items()
    assert workflow["jobs"][job]["permissions"]["id-token"] == "write"


@pytest.mark.parametrize("workflow", ["deploy-dev", "deploy-prod"])
def test_each_deployment_is_checked_with_a_role_of_its_own(workflow: str) -> None:
    jobs = load(GITHUB / "workflows" / f"{workflow}.yml")["jobs"]
    (deploy,) = [step for step in jobs["deploy"]["steps"] if step["uses"] == "./.github/actions/pulumi"]
    steps = load(GITHUB / "actions" / "pulumi" / "action.yml")["runs"]["steps"]
    commands = [step.get("run", step.get("with", {}).get("command", "")) for step in steps]
    (recovers,) = [number for number, command in enumerate(commands) if "-m infra.recover" in command]
    updates = commands.index("${{ inputs.command }}")
    (checks,) = [number for number, command in enumerate(commands) if re.search(r"-m ops .* check ", command)]
    assumed = steps[checks - 1]

    assert deploy["with"]["check-role"] == "${{ vars.AWS_CHECK_ROLE }}"
    assert recovers < updates < checks
    assert steps[recovers]["if"] == "inputs.command == 'up'"
    assert assumed["with"]["role-to-assume"] == "${{ inputs.check-role }}"
    assert {step["if"] for step in steps[checks - 2 : checks + 1]} == {"inputs.check-role != ''"}


def test_drift_is_looked_for_on_a_schedule_in_what_is_deployed_once_it_is_switched_on() -> None:
    workflow = load(GITHUB / "workflows" / "drift.yml")
    job = workflow["jobs"]["drift"]
    (checkout, deployed, _) = job["steps"]

    assert len(workflow["on"]["schedule"]) == 1
    assert job["if"] == "vars.DRIFT == 'on'"
    assert checkout["with"]["fetch-depth"] == 0, "the tags"
    assert deployed["if"] == "matrix.stack == 'prod'"
    assert "git describe --tags" in deployed["run"]


def test_a_pull_request_gets_a_stack_once_somebody_approved_and_the_sweep_is_main_s() -> None:
    """The environments' rules are in docs/adopting.md; nothing runs before the variable is set."""
    jobs = load(GITHUB / "workflows" / "pull-request-stack.yml")["jobs"]
    steps = {name: [step for step in job["steps"] if "pulumi" in step.get("uses", "")] for name, job in jobs.items()}

    for job in jobs.values():
        assert "vars.PULL_REQUEST_STACKS == 'on'" in job["if"].split(" && ")
    assert (jobs["stack"]["environment"], jobs["sweep"]["environment"]) == ("pr", "pr-sweep")
    (made,), (swept,) = steps["stack"], steps["sweep"]
    assert made["with"]["stack"] == "pr-${{ github.event.number }}"
    assert made["with"]["check-role"] == "${{ vars.AWS_CHECK_ROLE }}"
    assert swept["with"]["command"] == "sweep"
    ends = jobs["stack"]["steps"][-1]
    assert (ends["if"], ends["run"]) == ("failure()", '.github/aws/pull-request-stack delete "$STACK"')
    grace = re.search(r"GRACE_SECONDS=(\d+)", (GITHUB / "aws" / "pull-request-stack").read_text())
    assert grace
    assert int(grace[1]) > jobs["stack"]["timeout-minutes"] * 60, "the sweep takes what still runs for dead"


def test_prod_waits_for_the_tests_the_preview_and_the_approval_of_its_environment() -> None:
    jobs = load(GITHUB / "workflows" / "deploy-prod.yml")["jobs"]
    assert jobs["deploy"]["environment"] == "prod"
    assert (jobs["deploy"]["needs"], jobs["preview"]["needs"], jobs["test"]["needs"]) == (
        "preview",
        "test",
        "tag-is-on-main",
    )


def jobs_with_a_token() -> list[tuple[str, str, dict[str, Any]]]:
    """Return workflow, environment and Pulumi's inputs of each job that AWS gives a role."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    for path in WORKFLOWS:
        for job in load(path)["jobs"].values():
            if "id-token" not in job["permissions"]:
                continue
            (step,) = [step for step in job["steps"] if step.get("uses") == "./.github/actions/pulumi"]
            for stack in job.get("strategy", {}).get("matrix", {}).get("stack", [step["with"]["stack"]]):
                environment = job["environment"].replace("${{ matrix.stack }}", stack)
                found.append((path.stem, environment, {**step["with"], "stack": stack}))
    return found


def test_each_job_has_the_role_of_its_environment_and_command() -> None:
    assert {(workflow, environment) for workflow, environment, _ in jobs_with_a_token()} == {
        ("preview", "dev-preview"),
        ("preview", "prod-preview"),
        ("deploy-dev", "dev"),
        ("deploy-prod", "prod-preview"),
        ("deploy-prod", "prod"),
        ("drift", "dev-drift"),
        ("drift", "prod-drift"),
        ("pull-request-stack", "pr"),
        ("pull-request-stack", "pr-sweep"),
    }
    for workflow, environment, step in jobs_with_a_token():
        if workflow == "pull-request-stack":
            continue
        command = step["command"]
        role = {"preview": "AWS_PREVIEW_ROLE", "up": "AWS_DEPLOY_ROLE", "drift": "AWS_DRIFT_ROLE"}[command]
        assert step["role"] == f"${{{{ vars.{role} }}}}"
        assert step["backend-url"] == "${{ vars.PULUMI_BACKEND_URL }}"
        assert environment == (step["stack"] if command == "up" else f"{step['stack']}-{command}")


def test_code_from_a_fork_gets_no_token() -> None:
    """Neither by a pull request nor by an event that runs it with the repository's own rights."""
    for path in WORKFLOWS:
        workflow = load(path)
        assert not {"pull_request_target", "workflow_run", "issue_comment"} & workflow["on"].keys()
        for job in workflow["jobs"].values():
            if "pull_request" in workflow["on"] and "id-token" in job["permissions"]:
                condition = job["if"].split(" && ")
                own = "github.event.pull_request.head.repo.full_name == github.repository"
                assert own in condition or "github.event_name != 'pull_request'" in condition
                assert "||" not in job["if"]


def test_a_pull_request_never_reaches_an_environment_that_deploys() -> None:
    deploying = {environment for _, environment, step in jobs_with_a_token() if step["command"] == "up"}
    previewed = {environment for workflow, environment, _ in jobs_with_a_token() if workflow == "preview"}

    assert deploying == {"dev", "prod", "pr"}
    assert not previewed & deploying


@pytest.mark.parametrize("path", EVERY_FILE, ids=lambda path: str(path.relative_to(GITHUB)))
def test_the_workflows_use_the_engine_that_was_tested(path: Path) -> None:
    found = re.search(
        r"github\.com/pulumi/pulumi/pkg/v3 v([\d.]+)", (ROOT / "local" / "engine" / "pulumi_cli" / "go.mod").read_text()
    )
    assert found
    assert set(re.findall(r"pulumi-version: (\S+)", path.read_text())) <= {found[1]}


@pytest.mark.parametrize(("user", "through"), [(0, "env"), (1000, "sudo env")])
def test_what_a_runner_lacks_is_installed_as_root(user: int, through: str, tmp_path: Path) -> None:
    tools, ci = tmp_path / "tools", tmp_path / ".ci"
    for folder in (tools, ci):
        folder.mkdir()
    shutil.copy(ROOT / ".ci" / "run", ci)
    (tools / "bash").symlink_to(shutil.which("bash") or "bash")
    (tools / "dirname").symlink_to(shutil.which("dirname") or "dirname")
    told = tmp_path / "told"
    for name in ("apt-get", "env", "make", "sudo"):
        (tools / name).write_text(f'#!{tools}/bash\necho "{name} $*" >> {told}\n')
    (tools / "id").write_text(f"#!{tools}/bash\necho {user}\n")
    for tool in tools.iterdir():
        if not tool.is_symlink():
            tool.chmod(0o755)

    subprocess.run([tools / "bash", ci / "run"], env={"PATH": str(tools)}, check=True)

    variable = "DEBIAN_FRONTEND=noninteractive"
    packages = "chromium default-jre-headless maven nodejs npm"
    assert told.read_text().splitlines() == [
        f"{through} {variable} apt-get update -qq",
        f"{through} {variable} apt-get install -y -qq --no-install-recommends {packages}",
        "make test",
    ]


def test_the_tests_run_on_the_oldest_python_and_on_a_newer_one_that_also_deploys() -> None:
    pythons = load(GITHUB / "workflows" / "test.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    deploying = load(GITHUB / "actions" / "pulumi" / "action.yml")["runs"]["steps"][0]["with"]["python-version"]
    oldest, newest = (tuple(map(int, python.split("."))) for python in pythons)

    assert project["requires-python"] == f">={pythons[0]}"
    assert newest > oldest
    # Not older than what the functions run on in Lambda.
    assert newest >= tuple(map(int, NEWEST_RUNTIME.removeprefix("python").split(".")))
    assert deploying in pythons


def test_dependabot_looks_at_every_requirement_that_is_pinned() -> None:
    updates = load(GITHUB / "dependabot.yml")["updates"]
    (folders,) = [update["directories"] for update in updates if update["package-ecosystem"] == "uv"]
    found = [path.parent for depth in ("", "*/", "*/*/") for path in ROOT.glob(f"{depth}requirements.txt")]
    pinning = ["/" / path.relative_to(ROOT) for path in found if not path.relative_to(ROOT).as_posix().startswith(".v")]
    assert [path for path in pinning if not any(path.match(folder) for folder in folders)] == []
    assert Path("/functions/register_user") in pinning
