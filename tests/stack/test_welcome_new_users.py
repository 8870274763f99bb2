"""The program of examples/welcome_new_users: what a subscriber's stack consists of."""

import runpy
from functools import cache

from guardrails import resource as types
from infra.naming import PROJECT_ROOT
from infra.settings.stack_file import stack_file_config
from tests.support.iam.policy_lint import policy_problems
from tests.support.stack.guarded_stack import RULES, findings, guarded
from tests.support.stack.recorded_policies import policies_of
from tests.support.stack.recorded_stack import Project, RecordedStack, record

EXAMPLE = PROJECT_ROOT / "examples" / "welcome_new_users"
USERSTREAM = "organization/userstream/dev"
RULE_ARN = "arn:aws:events:eu-west-1:123456789012:rule/UserEvents-dev/WelcomeNewUsers-dev"

OUR_OWN = {
    "concurrency-is-bounded",
    "failures-raise-an-alarm",
    "functions-are-invoked-through-their-alias",
    "functions-are-published",
    "no-plain-http",
    "queues-take-messages-from-own-topics",
    "tables-state-their-protection",
    "types-are-reviewed",
}
"""Rules for our stacks alone: their types, settings, where alarms go, what sends to queues."""


def program() -> None:
    runpy.run_path(str(EXAMPLE / "__main__.py"))


@cache
def subscriber() -> RecordedStack:
    return record(
        "dev",
        config=stack_file_config("dev", EXAMPLE),
        program=program,
        project=Project("welcome-new-users", {USERSTREAM: {"userEventsBusName": "UserEvents-dev"}}),
    )


def test_a_subscriber_s_stack_keeps_the_guardrails_that_are_for_everybody() -> None:
    found = findings(RULES, guarded(subscriber()))

    assert [str(finding) for finding in found if finding.rule not in OUR_OWN] == []


def test_every_policy_of_a_subscriber_passes_the_linter() -> None:
    found = {resource: policy_problems(document) for resource, document in policies_of(subscriber()).items()}

    assert len(found) == 4
    assert {resource: issues for resource, issues in found.items() if issues} == {}


def test_only_the_subscriber_s_own_rule_may_send_to_its_queues() -> None:
    for policy in subscriber().of_type(types.QUEUE_POLICY):
        (statement,) = policy.json("policy")["Statement"]
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": RULE_ARN}}


def test_a_subscriber_takes_nothing_of_our_stack_but_its_bus() -> None:
    ours = [
        value for each in subscriber().resources for value in map(str, each.inputs.values()) if "UserEvents" in value
    ]

    assert {value for value in ours if not value.startswith("{")} == {"UserEvents-dev"}
