import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.consumers import CONSUMERS
from infra.consumers.page import alarm_sections
from infra.settings.model import StackSettings
from ops.aws.services import Services
from ops.cli import cli
from ops.context import CommandContext
from ops.errors import ExitCode, NotFoundError
from tests.support.stack.recorded_stack import record_neutral

DOCS = Path(__file__).parents[2] / "docs"
RUNBOOK = DOCS / "runbook.md"
CONSUMERS_PAGE = DOCS / "consumers.md"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def sections() -> dict[str, str]:
    """Return the text of each alarm's section, of the runbook and of the consumers' page."""
    page = CONSUMERS_PAGE.read_text(encoding="utf-8")
    # Without what each consumer's own heading is followed by.
    consumers = re.sub(r"^## .*?(?=^###|\Z)", "", page, flags=re.MULTILINE | re.DOTALL)
    found = [
        *re.split(r"^## (\S+)\n", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:],
        *re.split(r"^### (\S+)\n", consumers, flags=re.MULTILINE)[1:],
    ]
    return dict(zip(found[::2], found[1::2], strict=True))


def test_every_alarm_has_a_section_on_its_page_and_every_section_an_alarm() -> None:
    described = {alarm.name: alarm.inputs["alarmDescription"] for alarm in record_neutral("dev").of_type(ALARM)}
    generated = {name for consumer in CONSUMERS for name in alarm_sections(consumer)}

    assert set(sections()) == set(described)
    assert generated == {name for name, text in described.items() if f"docs/consumers.md#{name.lower()}" in text}


@pytest.mark.parametrize("name", sections())
def test_a_section_says_what_is_wrong_and_ends_with_the_command(name: str) -> None:
    text = sections()[name].strip()

    assert text.startswith("**What.**")
    assert re.search(r"```sh\npython -m ops --stack ENV [^\n]+\n```$", text)


@pytest.mark.parametrize("name", sections())
def test_a_link_leads_to_a_section(name: str) -> None:
    headings = {heading.lower() for heading in sections()}

    assert set(re.findall(r"\]\((?:runbook\.md)?#([^)]+)\)", sections()[name])) <= headings


def test_every_resource_and_setting_that_the_runbook_names_exists() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in (RUNBOOK, CONSUMERS_PAGE)).replace("-ENV", "-dev")
    stack = record_neutral("dev")
    settings = {field.alias for field in StackSettings.model_fields.values()}
    log_groups = {group.inputs["name"] for group in stack.of_type("aws:cloudwatch/logGroup:LogGroup")}
    named = {one.inputs["name"] for kind in (ALARM, "aws:dynamodb/table:Table") for one in stack.of_type(kind)}
    mappings = {mapping.name for mapping in stack.of_type("aws:lambda/eventSourceMapping:EventSourceMapping")}

    assert set(re.findall(r"`(/aws/[^`]+)`", text)) <= log_groups
    assert set(re.findall(r"`(\w+-dev)`", text)) <= named
    queues = {queue.inputs["name"] for queue in stack.of_type("aws:sqs/queue:Queue")}
    assert set(re.findall(r"`(\w+-dev\.fifo)`", text)) <= queues
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


@pytest.mark.parametrize("page", ["runbook.md", "consumers.md", "ops.md"])
def test_every_command_line_in_the_documents_parses(page: str) -> None:
    def no_stack() -> Services:
        raise NotFoundError("this is as far as the test goes")

    text = (RUNBOOK.parent / page).read_text(encoding="utf-8")
    lines = re.findall(r"^\s*python -m ops ([^#\n]+)", text, re.MULTILINE)

    assert lines
    for line in lines:
        result = CliRunner().invoke(cli, shlex.split(line), obj=CommandContext(no_stack))
        # The capacity model needs no stack.
        expected = ExitCode.OK if line.startswith("capacity ") else ExitCode.NOT_FOUND
        assert result.exit_code == expected, (line, result.output)
