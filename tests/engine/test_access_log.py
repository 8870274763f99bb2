"""A stack from before its access log's name began with `/aws/vendedlogs/`."""

import time
from dataclasses import replace
from typing import Any

from local.aws_clients import Clients
from tests.support.engine.documented_commands import commands_of, typed
from tests.support.engine.engine_stack import EngineStack
from tests.support.engine.transforms import old_access_log

LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup access-log"


def groups(account: Clients, name: str) -> list[str]:
    found = account.logs.describe_log_groups()["logGroups"]
    return sorted(each.get("logGroupName", "") for each in found if each.get("logGroupName", "").endswith(name))


def move(stack: EngineStack) -> str:
    """Type what docs/adopting.md says, and return what was printed."""
    commands = commands_of("adopting.md", "An access log from before `/aws/vendedlogs/`", first="pulumi up")
    return typed(stack, commands.replace("prod", stack.name))


def test_a_protected_stack_gets_a_new_group_when_asked_and_keeps_the_old_ones_lines(
    own_prod: EngineStack, own_account: Clients
) -> None:
    own_prod.up(transform=old_access_log)
    old, new = "/aws/apigateway/userstream-prod", "/aws/vendedlogs/apigateway/userstream-prod"
    own_account.logs.create_log_stream(logGroupName=old, logStreamName="requests")
    lines: list[Any] = [{"timestamp": int(time.time() * 1000), "message": "{}"}]
    own_account.logs.put_log_events(logGroupName=old, logStreamName="requests", logEvents=lines)

    assert own_prod.preview().changes == {}
    printed = move(own_prod)

    assert "access-log-before delete[retain]" in printed
    assert groups(own_account, "userstream-prod") == [old, new]
    (kept,) = own_account.logs.filter_log_events(logGroupName=old)["events"]
    assert kept.get("message") == "{}"
    api = own_account.apigatewayv2.get_apis()["Items"][0].get("ApiId", "")
    stage = own_account.apigatewayv2.get_stage(ApiId=api, StageName="$default")
    assert stage.get("AccessLogSettings", {}).get("DestinationArn", "").endswith(f":log-group:{new}")
    counted = own_account.logs.describe_metric_filters(logGroupName=new)["metricFilters"]
    assert '{ $.status = "429" }' in {each.get("filterPattern") for each in counted}
    assert own_prod.up().changes == {}


def test_an_unprotected_stack_deletes_the_old_group_and_leaves_none_behind(
    own_prod: EngineStack, own_account: Clients
) -> None:
    dev = replace(own_prod, name="dev")
    dev.up(transform=old_access_log)

    printed = move(dev)

    assert "access-log-before delete" in printed
    assert "delete[retain]" not in printed
    assert groups(own_account, "userstream-dev") == ["/aws/vendedlogs/apigateway/userstream-dev"]
    dev.destroy()
    assert groups(own_account, "userstream-dev") == []
