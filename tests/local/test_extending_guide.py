"""docs/extending.md, followed to the letter in a copy of the project."""

from pathlib import Path

import pytest

from tests.support.guide import ProjectCopy, steps_of

pytestmark = pytest.mark.timeout(900)  # type checks and tests of a whole copy

PAGE = "extending.md"
GENERATED = ("docs/openapi.json", "docs/api.d.ts", "docs/events/", "docs/data.md")
"""What `python -m contract` writes."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> ProjectCopy:
    """A copy in which the steps of one section follow those of the section before."""
    return ProjectCopy(tmp_path_factory.mktemp("extending") / "project")


def edited(project: ProjectCopy) -> set[str]:
    return {path for path in project.changed_files() if not path.startswith(GENERATED)}


def test_an_optional_attribute_is_added_by_editing_one_file(project: ProjectCopy) -> None:
    project.follow(steps_of(PAGE, "## An attribute"))

    assert edited(project) == {"functions/users/attributes.py"}
    assert "phone?: string | null;" in (project.directory / "docs/api.d.ts").read_text(encoding="utf-8")


def test_an_attribute_is_made_unique_by_one_more_line(project: ProjectCopy) -> None:
    project.follow(steps_of(PAGE, "### A unique attribute"))

    assert edited(project) == {"functions/users/attributes.py"}
    assert "phone#" in project.run(
        'python -c \'from functions.users.user import keys_of; print(keys_of({"phone": "+442079460958"}))\''
    )


def test_a_consumer_is_added_by_its_folder_its_declaration_and_the_list(tmp_path: Path) -> None:
    project = ProjectCopy(tmp_path / "project")
    project.follow(steps_of(PAGE, "## A consumer"))

    generated = {"docs/consumers.md", "docs/consuming-outputs.md", "docs/stack-outputs.d.ts"}
    # The command for the documents also renews the values that the team's own settings have.
    changed = project.changed_files() - {"docs/settings.md"}
    # A project that has the consumer has its documents too.
    assert changed == (set[str]() if project.done_before else generated) | {
        "functions/welcome_new_users/__init__.py",
        "functions/welcome_new_users/handler.py",
        "infra/consumers/welcome_new_users.py",
        "infra/consumers/__init__.py",
    }
    assert "### WelcomeNewUsersQueueAge" in (project.directory / "docs/consumers.md").read_text(encoding="utf-8")


def test_a_route_is_added_by_editing_three_files(tmp_path: Path) -> None:
    project = ProjectCopy(tmp_path / "project")

    project.follow(steps_of(PAGE, "## A route"))

    assert edited(project) == {
        "contract/openapi.py",
        "functions/manage_users/handler.py",
        "infra/components/user_api.py",
    }
