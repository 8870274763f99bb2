import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.settings.model import StackSettings
from ops.aws.services import Services
from ops.cli import cli
from ops.context import CommandContext
from ops.errors import ExitCode, NotFoundError
from tests.support.stack.recorded_stack import record

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def sections() -> dict[str, str]:
    found = re.split(r"^## (\S+)\n", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def test_every_alarm_has_a_section_and_every_section_an_alarm() -> None:
    assert set(sections()) == {alarm.name for alarm in record("prod").of_type(ALARM)}


@pytest.mark.parametrize("name", sections())
def test_a_section_says_what_is_wrong_and_ends_with_the_command(name: str) -> None:
    text = sections()[name].strip()

    assert text.startswith("**What.**")
    assert re.search(r"```sh\npython -m ops --stack ENV [^\n]+\n```$", text)


@pytest.mark.parametrize("name", sections())
def test_a_link_leads_to_a_section(name: str) -> None:
    headings = {heading.lower() for heading in sections()}

    assert set(re.findall(r"\]\(#([^)]+)\)", sections()[name])) <= headings


def test_every_resource_and_setting_that_the_runbook_names_exists() -> None:
    text = RUNBOOK.read_text(encoding="utf-8").replace("-ENV", "-prod")
    stack = record("prod")
    settings = {field.alias for field in StackSettings.model_fields.values()}
    log_groups = {group.inputs["name"] for group in stack.of_type("aws:cloudwatch/logGroup:LogGroup")}
    named = {one.inputs["name"] for kind in (ALARM, "aws:dynamodb/table:Table") for one in stack.of_type(kind)}
    mappings = {mapping.name for mapping in stack.of_type("aws:lambda/eventSourceMapping:EventSourceMapping")}

    assert set(re.findall(r"`(/aws/[^`]+)`", text)) <= log_groups
    assert set(re.findall(r"`(\w+-prod)`", text)) <= named
    assert set(re.findall(r"`userstream:(\w+)`", text)) <= settings
    assert set(re.findall(r"--replace '\*\*::([^']+)'", text)) <= mappings


@pytest.mark.parametrize("name", sections())
def test_a_change_made_by_hand_is_reverted_with_a_refresh(name: str) -> None:
    """The engine compares the program with its state; only a refresh reads the account."""
    text = " ".join(sections()[name].split())
    trouble = r"(?:denied action|missing permission|no permission|lacks|was deleted|is off)"
    by_hand = re.findall(rf"{trouble}[^`]*(?:`sqs:\w+`[^`]*)?`(pulumi up[^`]*)`", text, re.IGNORECASE)

    assert set(by_hand) <= {"pulumi up --refresh"}
    assert by_hand or name not in {"StreamNotPolled", "IteratorAge", "FailureQueueDepth", "DestinationDeliveryFailures"}


@pytest.mark.parametrize("page", ["runbook.md", "ops.md"])
def test_every_command_line_in_the_documents_parses(page: str) -> None:
    def no_stack() -> Services:
        raise NotFoundError("this is as far as the test goes")

    text = (RUNBOOK.parent / page).read_text(encoding="utf-8")
    lines = re.findall(r"^\s*python -m ops ([^#\n]+)", text, re.MULTILINE)

    assert lines
    for line in lines:
        result = CliRunner().invoke(cli, shlex.split(line), obj=CommandContext(no_stack))
        assert result.exit_code == ExitCode.NOT_FOUND, (line, result.output)
