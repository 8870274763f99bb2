"""The provider plugin without an engine: checks, conversions, imports, and its end."""

import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.aws_types import input_problems
from guardrails.resource import EVENT_SOURCE_MAPPING, FUNCTION, TABLE, UNKNOWN
from local.aws_clients import Clients
from local.engine import provider
from local.engine.cli import POLICY_PACK
from local.engine.wire_values import WireArchive, from_wire, same_value, to_wire
from local.engine.workspace import PLUGIN_FOLDER
from local.process import child_environment
from tests.support.local.local_stack import running_emulator
from tests.support.stack.recorded_stack import record

PLUGIN = PLUGIN_FOLDER / "pulumi-resource-aws"


@pytest.mark.parametrize(
    ("token", "inputs", "path"),
    [
        (FUNCTION, {"role": "r", "memorySise": 128.0}, "memorySise"),
        (FUNCTION, {"role": "r", "memorySize": "128"}, "memorySize"),
        (FUNCTION, {"role": "r", "memorySize": 128.5}, "memorySize"),
        (FUNCTION, {"role": "r", "publish": "true"}, "publish"),
        (FUNCTION, {"role": "r", "architectures": "arm64"}, "architectures"),
        (FUNCTION, {"role": "r", "architectures": ["arm64", True]}, "architectures[1]"),
        (FUNCTION, {"role": "r", "environment": {"variabels": {}}}, "environment.variabels"),
        (FUNCTION, {"role": "r", "environment": {"variables": {"A": 1.0}}}, "environment.variables.A"),
        (FUNCTION, {"role": "r", "environment": "A=1"}, "environment"),
        (FUNCTION, {}, "role"),
        (FUNCTION, {"role": None}, "role"),
        (TABLE, {"attributes": [{"name": "userId"}]}, "attributes[0].type"),
        (
            EVENT_SOURCE_MAPPING,
            {"functionName": "f", "destinationConfig": {"onFailure": {}}},
            "destinationConfig.onFailure.destinationArn",
        ),
        (EVENT_SOURCE_MAPPING, {"functionName": UNKNOWN, "destinationConfig": UNKNOWN, "batchSize": UNKNOWN}, None),
        ("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", {}, "bucket"),
    ],
)
def test_inputs_are_checked_against_the_real_providers_types(
    token: str, inputs: Mapping[str, Any], path: str | None
) -> None:
    problems = input_problems(token, inputs)

    assert [problem.path for problem in problems][:1] == ([path] if path else [])


def test_a_property_that_the_handler_does_not_support_is_refused() -> None:
    (problem,) = provider.check(FUNCTION, {"role": "r", "snapStart": {"applyOn": "PublishedVersions"}})

    assert "the local stack doesn't know 'snapStart'" in problem.reason


values = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_values_are_unchanged_after_a_round_trip_over_the_wire(properties: dict[str, Any]) -> None:
    assert from_wire(to_wire(properties)) == properties


def archive(path: str, content_hash: str) -> WireArchive:
    mark = {"4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7"}
    sent: Any = from_wire(to_wire({"code": {**mark, "path": path, "hash": content_hash}}))["code"]
    assert isinstance(sent, WireArchive)
    return sent


def test_archives_are_the_same_if_their_contents_are() -> None:
    assert same_value(archive("a.zip", "1"), archive("b.zip", "1"))
    assert not same_value(archive("a.zip", "1"), archive("a.zip", "2"))
    assert archive("a.zip", "1").path == "a.zip"
    assert from_wire(to_wire({"code": archive("a.zip", "1")}))["code"].wire == archive("a.zip", "1").wire


def test_a_preview_knows_the_inputs_and_marks_everything_else_unknown() -> None:
    known = provider.preview_create("aws:sqs/queue:Queue", {"name": "Queue-dev"})

    assert known["name"] == "Queue-dev"
    assert known["url"] == known["arn"] == UNKNOWN


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Generator[Clients]:
    with running_emulator(tmp_path_factory.mktemp("emulator")) as clients:
        yield clients


def test_an_existing_table_is_imported_without_being_replaced(emulator: Clients) -> None:
    """`pulumi import` asks a provider to read a resource by its id alone."""
    emulator.dynamodb.create_table(
        TableName="Users-dev",
        KeySchema=[{"AttributeName": "userId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    live = provider.read(emulator, TABLE, "Users-dev", {}, {})

    assert live is not None
    assert provider.check(TABLE, live.inputs) == []
    difference = provider.difference(TABLE, live.inputs, record("dev").only(TABLE, "users").inputs)
    assert difference.replacing == []
    assert {"streamEnabled", "tags"} <= set(difference.changed)
    assert provider.read(emulator, TABLE, "Users-gone", {}, {}) is None


@pytest.mark.parametrize("endpoint", [None, "https://dynamodb.eu-west-1.amazonaws.com", "http://10.0.0.1:4566"])
def test_the_plugin_refuses_to_stand_in_for_aws(endpoint: str | None) -> None:
    variables = {"USERSTREAM_PYTHON": sys.executable, **({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})}
    refused = subprocess.run(
        [PLUGIN, "127.0.0.1:1"],
        env=child_environment(os.environ, **variables),
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode != 0
    assert "this is userstream's stand-in for the emulator" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("plugin", ["pulumi-resource-aws", "pulumi-analyzer-policy-python"])
def test_a_plugin_ends_after_its_engine_was_killed(plugin: str, tmp_path: Path) -> None:
    environment = child_environment(
        os.environ,
        USERSTREAM_PYTHON=sys.executable,
        AWS_ENDPOINT_URL="http://127.0.0.1:1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        USERSTREAM_CREATED=str(tmp_path / "created.jsonl"),
    )
    with subprocess.Popen(
        ["sh", "-c", f"{PLUGIN_FOLDER / plugin} 127.0.0.1:1 . & echo $!; wait"],
        cwd=POLICY_PACK,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as engine:
        assert engine.stdout is not None
        process = int(engine.stdout.readline())
        assert int(engine.stdout.readline()) > 0  # The port of the running server.
        engine.kill()
        deadline = time.monotonic() + 30
        while is_running(process):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
