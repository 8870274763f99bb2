"""The runbook's one Pulumi command that does more than `pulumi up`."""

import re

from infra.naming import PROJECT_ROOT
from local.aws_clients import Clients
from tests.support.engine.engine_stack import Deployed

MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping users-stream"
ALARMS = {f"aws:cloudwatch/metricAlarm:MetricAlarm {name}" for name in ("StreamNotPolled", "WritesNotPolled")}


def test_the_runbooks_command_replaces_only_the_mapping_and_starts_at_the_oldest_record(
    prod: Deployed, account: Clients
) -> None:
    runbook = (PROJECT_ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"pulumi up --stack ENV --replace '([^']+)'", runbook)

    steps = prod.up(replace=[pattern])

    changed = steps.of_resources()
    assert changed.keys() == {MAPPING, *ALARMS}
    assert {changed[alarm] for alarm in ALARMS} == {"update"}, "they watch the new mapping's metric"
    (mapping,) = account.lambda_.list_event_source_mappings(FunctionName=prod.outputs.log_user_changes_function_name)[
        "EventSourceMappings"
    ]
    assert mapping.get("StartingPosition") == "TRIM_HORIZON"
    assert prod.up().changes == {}
