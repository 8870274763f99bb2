"""What holds of every stack whose file lies in the project, whatever its team has set there."""

import pytest

from infra.naming import PROJECT_ROOT
from infra.outputs import StackOutputs
from infra.settings.check import load_settings
from infra.settings.stack_file import stack_file_config
from tests.support.stack.guarded_stack import ALL, findings, guarded
from tests.support.stack.recorded_stack import record

STACKS = sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in PROJECT_ROOT.glob("Pulumi.*.yaml"))
HERE = "local"
"""The stack of this machine's emulator; all others are on AWS."""


@pytest.mark.parametrize("stack", STACKS)
def test_its_settings_are_right_and_it_keeps_every_guardrail(stack: str) -> None:
    config = stack_file_config(stack)
    settings = load_settings(stack, config, on_aws=stack != HERE)
    recorded = record(stack, config=config)

    assert [str(finding) for finding in findings(ALL, guarded(recorded))] == []
    outputs = StackOutputs.model_validate(recorded.outputs)
    assert (outputs.environment, outputs.region) == (settings.environment or stack, settings.region)


def test_prod_is_protected() -> None:
    settings = load_settings("prod", stack_file_config("prod"), on_aws=True)

    assert settings.protected_environment
    assert (settings.deletion_protection, settings.point_in_time_recovery, settings.protect_resources) == (True,) * 3
    assert settings.require_tls
