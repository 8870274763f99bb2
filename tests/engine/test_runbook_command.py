"""The runbook's one Pulumi command that does more than `pulumi up`."""

import re

from infra.naming import PROJECT_ROOT
from local.aws_clients import Clients
from tests.support.engine.engine_stack import Deployed

MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping users-stream"
SILENCE_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm StreamNotPolled"


def test_the_runbooks_command_replaces_only_the_mapping_and_starts_at_the_oldest_record(
    prod: Deployed, account: Clients
) -> None:
    runbook = (PROJECT_ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"pulumi up --stack ENV --replace '([^']+)'", runbook)

    steps = prod.up(replace=[pattern])

    changed = steps.of_resources()
    assert changed.keys() == {MAPPING, SILENCE_ALARM}
    assert changed[SILENCE_ALARM] == "update", "it watches the new mapping's metric"
    (mapping,) = account.lambda_.list_event_source_mappings(FunctionName=prod.outputs.log_user_changes_function_name)[
        "EventSourceMappings"
    ]
    assert mapping.get("StartingPosition") == "TRIM_HORIZON"
    assert prod.up().changes == {}
