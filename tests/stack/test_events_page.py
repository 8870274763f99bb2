"""The program on docs/events.md is a subscriber that EventBridge and SQS would take."""

from guardrails import resource as types
from tests.support.events_page import blocks
from tests.support.iam.policy_lint import policy_problems
from tests.support.stack.guarded_stack import TYPE_RULES, findings, guarded
from tests.support.stack.recorded_policies import policies_of
from tests.support.stack.recorded_stack import Project, record

BUS = "UserEvents-dev"
REFERENCED = {"organization/userstream/dev": {"userEventsBusName": BUS}}


def program() -> None:
    (block,) = [each for each in blocks("python") if "StackReference" in each]
    exec(block, {})  # noqa: S102  the page's code is what is tested


def test_the_program_on_the_page_subscribes_a_queue_to_registrations() -> None:
    stack = record("mine", config={}, program=program, project=Project("mine", REFERENCED))

    (rule,) = stack.of_type("aws:cloudwatch/eventRule:EventRule")
    assert rule.inputs["eventBusName"] == BUS
    assert rule.json("eventPattern") == {"detail-type": ["UserRegistered"], "detail": {"schemaVersion": [1]}}
    assert len(stack.of_type("aws:cloudwatch/eventTarget:EventTarget")) == len(stack.of_type(types.QUEUE_POLICY)) == 1
    assert [str(finding) for finding in findings(TYPE_RULES, guarded(stack))] == []
    assert [policy_problems(document) for document in policies_of(stack).values()] == [[]]
