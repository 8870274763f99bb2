"""What a function loads before it can answer, which every cold start pays for."""

import json
import os
import subprocess
import sys

import pytest

# Each takes longer to import than all of the function's own modules.
HEAVY = {"boto3", "pydantic", "s3transfer", "email_validator", "asyncio", "concurrent.futures", "multiprocessing"}
HANDLERS = [
    "functions.register_user.handler",
    "functions.manage_users.handler",
    "functions.log_user_changes.handler",
    "functions.fan_out_user_changes.handler",
    "functions.publish_user_events.handler",
    "functions.consumers.runtime",
    "functions.rescue_failed_batches.handler",
]
WITHOUT_PYDANTIC_CORE = HANDLERS[2:]

# They call DynamoDB alone, as long as nothing goes wrong.
WITHOUT_BOTOCORES_CLIENT = [*HANDLERS[:3], "functions.confirm_registration.handler"]
CLIENT = {"botocore.session", "botocore.client", "botocore.parsers", "urllib3", "http.client", "email.message"}

REPORT = """
import importlib, json, os, sys
os.environ.clear()
before = set(sys.modules)
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded(*modules: str) -> set[str]:
    run = subprocess.run([sys.executable, "-c", REPORT, *modules], check=True, capture_output=True, text=True)
    return set(json.loads(run.stdout))


@pytest.fixture(scope="module")
def botocore_alone() -> set[str]:
    return loaded("botocore.session")


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_loads_no_more_than_it_needs(handler: str, botocore_alone: set[str]) -> None:
    modules = loaded(handler) - botocore_alone
    assert not modules & HEAVY
    if handler in WITHOUT_PYDANTIC_CORE:
        assert "pydantic_core" not in modules


@pytest.mark.parametrize("handler", WITHOUT_BOTOCORES_CLIENT)
def test_a_function_of_dynamodb_alone_loads_no_client_of_botocores(handler: str) -> None:
    assert not loaded(handler) & CLIENT


@pytest.mark.parametrize("handler", [each for each in HANDLERS if each not in WITHOUT_BOTOCORES_CLIENT])
def test_a_function_of_other_services_loads_it_at_its_start(handler: str) -> None:
    """Then Lambda gives it a whole processor, and in an invocation perhaps a seventh of one."""
    assert "botocore.session" in loaded(handler)


def test_the_first_calls_load_no_client_of_botocores() -> None:
    report = (
        "import sys; from functions.runtime.aws import dynamodb; dynamodb();"
        "print(any(name in sys.modules for name in sys.argv[1:]))"
    )
    variables = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    command = [sys.executable, "-c", report, *CLIENT]
    run = subprocess.run(command, env=variables | {"HOME": "/nowhere"}, check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_can_be_loaded_without_any_environment(handler: str) -> None:
    assert handler in loaded(handler)


GARBAGE_COLLECTION = """
import gc, importlib, sys
thresholds = [gc.get_threshold()]
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "botocore":
            thresholds.append(gc.get_threshold())
sys.meta_path.insert(0, Watch())
importlib.import_module(sys.argv[1])
before, when_botocore_loads = thresholds
print(when_botocore_loads != before)
"""


@pytest.mark.parametrize(("variables", "changed"), [({"AWS_LAMBDA_FUNCTION_NAME": "f"}, True), ({}, False)])
@pytest.mark.parametrize("handler", HANDLERS)
def test_garbage_is_collected_rarely_in_lambda_before_botocore_loads(
    handler: str, variables: dict[str, str], *, changed: bool
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "AWS_LAMBDA_FUNCTION_NAME"}
    run = subprocess.run(
        [sys.executable, "-c", GARBAGE_COLLECTION, handler],
        env=environment | variables,
        check=True,
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == str(changed)


def test_importing_the_package_changes_nothing() -> None:
    report = "import gc; before = gc.get_threshold(); import functions; assert gc.get_threshold() == before"
    subprocess.run([sys.executable, "-c", report], env=os.environ | {"AWS_LAMBDA_FUNCTION_NAME": "f"}, check=True)


def test_loaded_objects_are_frozen_and_later_cycles_collected() -> None:
    report = (
        "import gc; from functions.runtime.aws import botocores_dynamodb; botocores_dynamodb(); "
        "print(gc.get_freeze_count(), *gc.get_threshold())"
    )
    variables = {"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    run = subprocess.run(
        [sys.executable, "-c", report], env=os.environ | variables, check=True, capture_output=True, text=True
    )
    frozen, threshold, *_ = map(int, run.stdout.split())
    assert frozen > 50_000
    assert 700 < threshold < 50_000
