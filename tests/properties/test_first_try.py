"""DynamoDB's client against botocore's: the same bytes are sent, the same is returned and raised.

Both call the same service on the loopback interface, at the same moment, with the same random ids.
"""

import itertools
import json
import os
import re
import time
import uuid
from base64 import b64decode
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from functions.runtime import botocore_clients, connection, dynamodb_client
from functions.runtime.dynamodb_client import OPERATIONS
from functions.runtime.intact_answers import refuse_damaged_answers
from functions.runtime.json_log import JsonObject, is_object
from functions.runtime.plain_environment import plain_target
from functions.stream_records.attribute_values import convert_binary
from tests.support.aws.loopback_service import BROKEN, SILENT, LoopbackService, Reply, loopback_service, reply
from tests.support.records.record_strategies import attribute_values

pytestmark = pytest.mark.usefixtures("same_moment")

LAMBDA = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
    "AWS_REGION": "eu-west-1",
    "AWS_SECRET_ACCESS_KEY": "secret/+=",
    "AWS_SESSION_TOKEN": "token/+=",
    "HOME": "/nowhere",
}
MOMENT = datetime(2026, 11, 24, 3, 27, 59)  # noqa: DTZ001  as botocore has it
A_KEY = {"userId": {"S": "1"}}


class Pair(NamedTuple):
    """Two clients of one service."""

    service: LoopbackService
    ours: Any
    botocores: Any

    def outcomes(self, method: str, parameters: JsonObject, *script: Reply) -> tuple["Outcome", "Outcome"]:
        """Make a call with each client, while the service answers by the script."""
        return self._outcome(self.ours, method, parameters, script), self._outcome(
            self.botocores, method, parameters, script
        )

    def _outcome(self, client: Any, method: str, parameters: JsonObject, script: tuple[Reply, ...]) -> "Outcome":
        IDS.restart()
        self.service.script[:], self.service.requests[:] = script, []
        result: object
        try:
            result = getattr(client, method)(**parameters)
        except ClientError as error:
            result = (str(error), error.response)
        except Exception as error:  # noqa: BLE001  its kind is compared
            result = type(error)
        return Outcome(self.service.requests[:], result)


class Outcome(NamedTuple):
    """What a call sent, and what it returned or raised."""

    requests: list[bytes]
    result: object


class _Ids:
    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self._numbers = itertools.count(1)

    def __call__(self) -> uuid.UUID:
        return uuid.UUID(int=next(self._numbers))


IDS = _Ids()


@pytest.fixture(scope="module")
def same_moment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("uuid.uuid4", IDS)
        patch.setattr(dynamodb_client, "random_id", lambda: str(IDS()))
        patch.setattr("botocore.auth.get_current_datetime", lambda: MOMENT)
        patch.setattr(dynamodb_client, "time", _StoppedTime)
        patch.setattr("botocore.endpoint.time.sleep", no_pause)
        yield


def no_pause(_seconds: float) -> None:
    """In place of botocore's pause between two tries."""


class _StoppedTime:
    strftime = staticmethod(time.strftime)
    gmtime = staticmethod(MOMENT.timetuple)


@pytest.fixture(scope="module", params=["temporary credentials", "a user's credentials"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    variables = LAMBDA.copy()
    if request.param != "temporary credentials":
        del variables["AWS_SESSION_TOKEN"]
    with new_pair(variables) as clients:
        yield clients


@contextmanager
def new_pair(variables: dict[str, str]) -> Generator[Pair]:
    with pytest.MonkeyPatch.context() as patch, loopback_service() as service:
        only(patch, variables | {"AWS_ENDPOINT_URL": service.url})
        patch.setattr(connection, "READ_SECONDS", 0.05)
        target = plain_target("dynamodb", os.environ)
        assert target is not None
        handed_over, botocores = botocores_client(), botocores_client()
        yield Pair(service, dynamodb_client.dynamodb_client(target, lambda: handed_over), botocores)
        handed_over.close()
        botocores.close()


def only(patch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    """Make these the only variables of the environment."""
    for name in list(os.environ):
        patch.delenv(name)
    for name, value in variables.items():
        patch.setenv(name, value)


def botocores_client() -> Any:
    config = botocore_clients.CLIENT_CONFIG.merge(Config(read_timeout=0.05))
    client: Any = Session().create_client("dynamodb", config=config)
    refuse_damaged_answers(client)
    return client


names = st.text(min_size=1, max_size=20)
items = st.dictionaries(names, attribute_values(), max_size=3)
"""As JSON on the wire has them."""


def sent(item: JsonObject) -> JsonObject:
    return {name: convert_binary(value, b64decode) for name, value in item.items()}


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, JsonObject]:
    """A call that the functions make, by its method's name."""
    item, table = sent(draw(items)), draw(names)
    put: JsonObject = {"TableName": table, "Item": item, "ConditionExpression": draw(names)}
    token = draw(st.dictionaries(st.just("ClientRequestToken"), names))
    query: JsonObject = {"TableName": table, "ExpressionAttributeValues": item, "Limit": draw(st.integers(1, 100))}
    by_method: dict[str, JsonObject] = {
        "batch_get_item": {"RequestItems": {table: {"Keys": [item], "ConsistentRead": True}}},
        "batch_write_item": {"RequestItems": {table: [{"PutRequest": {"Item": item}}]}},
        "get_item": {"TableName": table, "Key": item, "ConsistentRead": draw(st.booleans())},
        "put_item": put,
        "query": query | {"KeyConditionExpression": draw(names), "ExclusiveStartKey": item},
        "scan": query | {"ConsistentRead": True},
        "transact_write_items": {"TransactItems": [{"Put": put}, {"Delete": {"Key": item}}], **token},
    }
    method = draw(st.sampled_from([xform_name(operation) for operation in OPERATIONS]))
    return method, by_method[method]


traces = st.one_of(
    st.just("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(call=calls(), trace=traces)
def test_the_bytes_sent_are_botocores(pair: Pair, call: tuple[str, JsonObject], trace: str) -> None:
    os.environ["_X_AMZN_TRACE_ID"] = trace
    ours, botocores = pair.outcomes(*call, reply(b"{}"))
    assert ours == botocores
    assert len(ours.requests) == 1


ITEM_OF_MAPS_NAMED_AS_TYPES = {"B": {"M": {"B": {"B": "AQI="}, "BS": {"BS": ["AQI="]}, "NULL": {"NULL": True}}}}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(item=items)
@example(item=ITEM_OF_MAPS_NAMED_AS_TYPES)
def test_answers_are_read_as_botocore_reads_them(pair: Pair, item: JsonObject) -> None:
    answers: list[tuple[str, JsonObject, JsonObject]] = [
        ("get_item", {"TableName": "T", "Key": A_KEY}, {"Item": item}),
        ("get_item", {"TableName": "T", "Key": A_KEY}, {}),
        ("query", {"TableName": "T"}, {"Items": [item], "Count": 1, "ScannedCount": 1, "LastEvaluatedKey": item}),
        ("query", {"TableName": "T"}, {"Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": None}),
        (
            "batch_get_item",
            {"RequestItems": {"T": {"Keys": [A_KEY]}}},
            {"Responses": {"T": [item]}, "UnprocessedKeys": {"T": {"Keys": [item], "ConsistentRead": True}}},
        ),
        (
            "batch_write_item",
            {"RequestItems": {"T": [{"DeleteRequest": {"Key": A_KEY}}]}},
            {"UnprocessedItems": {"T": [{"PutRequest": {"Item": item}}]}},
        ),
    ]
    for method, parameters, answer in answers:
        body = json.dumps(answer).encode()
        ours, botocores = pair.outcomes(method, parameters, reply(body, checksum_of=body))
        assert ours == botocores


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(item=items, message=st.text(max_size=20))
def test_refusals_are_raised_as_botocore_raises_them(pair: Pair, item: JsonObject, message: str) -> None:
    reasons = [{"Code": "None", "Message": None}, {"Code": "ConditionalCheckFailed", "Item": item, "Message": message}]
    cancelled = error_reply("TransactionCanceledException", Message=message, CancellationReasons=reasons)
    ours, botocores = pair.outcomes("transact_write_items", {"TransactItems": []}, cancelled)
    assert ours == botocores
    refused = error_reply("ConditionalCheckFailedException", message=message, Item=item)
    ours, botocores = pair.outcomes("put_item", {"TableName": "T", "Item": A_KEY}, refused)
    assert ours == botocores


def error_reply(code: str, status: int = 400, **members: object) -> Reply:
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **members}).encode()
    return reply(body, status=status, checksum_of=body)


WHOLE = b'{"Item":{"userId":{"S":"1"},"name":{"S":"Alice"}}}'
REPLIES = [
    reply(WHOLE),
    reply(WHOLE, checksum_of=WHOLE),
    reply(WHOLE, checksum_of=WHOLE, headers=[("Connection", "close")], closes=True),
    reply(WHOLE.replace(b"Alice", b"Alicf"), checksum_of=WHOLE),
    reply(WHOLE[:20], checksum_of=WHOLE),
    reply(WHOLE[:20]),
    reply(b""),
    reply(WHOLE, cut_to=90),
    reply(b"<html>busy</html>", status=503),
    reply(b"<html>too large</html>", status=413),
    reply(b"{}", status=500),
    error_reply("InternalServerError", 500, message="m"),
    error_reply("ProvisionedThroughputExceededException", message="slower"),
    error_reply("ThrottlingException", message="slower"),
    error_reply("TransactionInProgressException", Message="wait"),
    error_reply("ValidationException", message="no"),
    error_reply("AccessDeniedException", Message="no"),
    error_reply("ConditionalCheckFailedException", message="no"),
    BROKEN,
    SILENT,
]


@pytest.mark.parametrize("first", REPLIES, ids=str)
def test_a_first_try_leads_to_what_it_leads_to_with_botocore(first: Reply) -> None:
    with new_pair(LAMBDA) as clients:  # of which botocore's has nothing to hear of yet
        ours, botocores = clients.outcomes("get_item", {"TableName": "T", "Key": A_KEY}, first, reply(WHOLE))
        assert ours == botocores


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(script=st.lists(st.sampled_from(REPLIES), min_size=1, max_size=3), trace=traces)
@example(script=[BROKEN, reply(WHOLE)], trace="")
@example(script=[SILENT, SILENT, SILENT], trace="")
def test_whatever_a_service_answers_is_retried_and_ends_as_with_botocore(
    pair: Pair, script: list[Reply], trace: str
) -> None:
    os.environ["_X_AMZN_TRACE_ID"] = trace
    for method, parameters in (
        ("get_item", {"TableName": "T", "Key": A_KEY}),
        ("transact_write_items", {"TransactItems": [{"Delete": {"TableName": "T", "Key": A_KEY}}]}),
    ):
        ours, botocores = pair.outcomes(method, parameters, *script)
        assert ours == botocores


def test_the_quota_of_retries_is_botocores_also_after_successes(pair: Pair) -> None:
    call: Any = ("get_item", {"TableName": "T", "Key": A_KEY})
    tries: list[int] = []
    for _ in range(60):  # until none is left
        ours, botocores = pair.outcomes(*call, reply(b"{}", status=500))
        assert ours == botocores
        tries.append(len(ours.requests))
    assert tries[-1] == 1
    for successes in (3, 40, 0, 700, 0, 0):
        for _ in range(successes):
            pair.outcomes(*call, reply(WHOLE))
        ours, botocores = pair.outcomes(*call, reply(b"{}", status=500))
        assert ours == botocores


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(WHOLE), WHOLE)


@pytest.mark.parametrize("first", [Reply(CHUNKED), reply(WHOLE, cut_to=30)], ids=["chunked", "half a head"])
def test_an_answer_in_another_form_is_asked_for_again_and_read_by_botocore(pair: Pair, first: Reply) -> None:
    ours, _ = pair.outcomes("get_item", {"TableName": "T", "Key": A_KEY}, first, Reply(CHUNKED))
    assert len(ours.requests) == 2
    assert is_object(ours.result)
    assert ours.result["Item"]["name"] == {"S": "Alice"}


def test_what_only_botocores_client_has_is_its(pair: Pair) -> None:
    ours, botocores = pair.outcomes("describe_table", {"TableName": "T"}, reply(b'{"Table":{"TableName":"T"}}'))
    assert ours == botocores
    assert pair.ours.meta.region_name == "eu-west-1"


# Where and as whom.


def botocores_target(environment: dict[str, str], patch: pytest.MonkeyPatch) -> tuple[str, str, str | None]:
    """Return the URL that botocore calls, and the scope and the token that it signs with."""
    only(patch, environment)
    found: list[tuple[str, str, str | None]] = []

    def note(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        sent_headers: Any = request.headers
        headers = {name.lower(): v.decode() if isinstance(v, bytes) else str(v) for name, v in sent_headers.items()}
        scope = re.search("Credential=(.+?)/2026", headers["authorization"])
        region = re.search("/([^/]+)/dynamodb/", headers["authorization"])
        assert scope
        assert region
        found.append((request.url, f"{scope[1]} {region[1]}", headers.get("x-amz-security-token")))
        no_headers: Any = {}
        answer: Any = connection.Answer(200, {}, b"{}")
        return AWSResponse(request.url, 200, no_headers, answer)

    client: Any = Session().create_client("dynamodb", config=botocore_clients.CLIENT_CONFIG)
    client.meta.events.register("before-send", note)
    client.get_item(TableName="T", Key=A_KEY)
    return found[0]


def our_target(environment: dict[str, str]) -> tuple[str, str, str | None] | None:
    target = plain_target("dynamodb", environment)
    if target is None:
        return None
    scope = f"{target.credentials.access_key} {target.region}"
    return f"{target.origin.url}/", scope, target.credentials.token


def known_regions() -> list[str]:
    partitions: Any = Session().get_component("data_loader").load_data("partitions")
    return sorted(region for partition in partitions["partitions"] for region in partition["regions"])


@pytest.mark.parametrize("region", [*known_regions(), "eu-west-99", "local", "moon", "us-gov-west-9", "EU-WEST-1"])
def test_a_regions_endpoint_is_botocores_or_left_to_it(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = LAMBDA | {"AWS_DEFAULT_REGION": region}
    ours = our_target(environment)
    assert (ours is None) == (not re.fullmatch(r"[a-z-]+-\d+", region))
    if ours is not None:
        assert ours == botocores_target(environment, monkeypatch)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"AWS_SESSION_TOKEN": ""},
        {"AWS_SECURITY_TOKEN": "older"},
        {"AWS_SECURITY_TOKEN": "", "AWS_SESSION_TOKEN": "newer"},
        {"AWS_REGION": "eu-central-1"},
        {"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13", "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR"},
        {"AWS_ENDPOINT_URL": "http://localhost:4566"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566/"},
        {"AWS_ENDPOINT_URL": "http://emulator"},
        {"AWS_ENDPOINT_URL": "http://emulator:80"},
    ],
)
def test_lambdas_variables_mean_what_they_mean_to_botocore(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = our_target(LAMBDA | variables)
    assert ours is not None
    url, *others = botocores_target(LAMBDA | variables, monkeypatch)
    assert ours == (url.replace("emulator:80/", "emulator/"), *others)


def variables_of_botocore() -> list[str]:
    """Names that botocore's session knows, but for those of Lambda."""
    names: list[str] = []
    for settings_of in Session().SESSION_VARIABLES.values():
        variables: Any = settings_of[1]
        names += [variables] if isinstance(variables, str) else (variables or [])
    return sorted(set(names) - LAMBDA.keys())


@pytest.mark.parametrize(
    "variables",
    [
        *({name: "true"} for name in variables_of_botocore()),
        {"AWS_CREDENTIAL_EXPIRATION": "2030-01-01T00:00:00Z"},
        {"AWS_ACCOUNT_ID": "123456789012"},
        {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1"},
        {"AWS_ENDPOINT_URL": "https://vpce-1.dynamodb.eu-west-1.vpce.amazonaws.com"},
        {"AWS_ENDPOINT_URL": ""},
        {"AWS_ENDPOINT_URL": "http://user@127.0.0.1:1"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:1/path"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1"},
        {"AWS_CA_BUNDLE": "/ca.pem"},
        {"REQUESTS_CA_BUNDLE": "/ca.pem"},
        {"HTTPS_PROXY": "http://proxy"},
        {"no_proxy": "*"},
        {"AWS_NEW_SETTING_OF_TOMORROW": "1"},
        {"AWS_ACCESS_KEY_ID": ""},
        {"AWS_SECRET_ACCESS_KEY": ""},
        {"AWS_DEFAULT_REGION": ""},
        {"AWS_SESSION_TOKEN": "two\r\nlines"},
    ],
    ids=str,
)
def test_any_other_variable_leaves_all_calls_to_botocore(variables: dict[str, str]) -> None:
    assert plain_target("dynamodb", LAMBDA) is not None
    assert plain_target("dynamodb", LAMBDA | variables) is None


@pytest.mark.parametrize("name", ["config", "credentials"])
def test_a_file_of_settings_leaves_all_calls_to_botocore(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert plain_target("dynamodb", LAMBDA) is not None
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / name).touch()
    assert plain_target("dynamodb", LAMBDA) is None
