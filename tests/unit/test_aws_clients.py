"""The clients that every function shares."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import UnknownServiceError

from functions import aws_clients
from infra.stack_config import stack_file_config


@pytest.fixture(autouse=True)
def somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def forget() -> Any:
    """Leave no client behind that was made for these tests' environment."""
    makers: list[Any] = [
        aws_clients.dynamodb,
        aws_clients.dynamodb_streams,
        aws_clients.s3,
        aws_clients.sqs,
        aws_clients._session,  # pyright: ignore[reportPrivateUsage]
    ]
    for maker in makers:
        maker.cache_clear()
    yield
    for maker in makers:
        maker.cache_clear()


@pytest.mark.parametrize(
    ("maker", "service"),
    [
        (aws_clients.dynamodb, "dynamodb"),
        (aws_clients.dynamodb_streams, "streams.dynamodb"),
        (aws_clients.s3, "s3"),
        (aws_clients.sqs, "sqs"),
    ],
)
def test_each_client_is_made_once_and_never_waits_long(maker: Callable[[], Any], service: str) -> None:
    client = maker()
    assert maker() is client
    assert client.meta.service_model.endpoint_prefix == service
    assert client.meta.region_name == "eu-west-1"
    config = client.meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}
    attempts = config.retries["total_max_attempts"]
    # Between two attempts: up to 1 s, then up to 2 (botocore.retries.standard.ExponentialBackoff).
    longest_silence = attempts * config.read_timeout + sum(2**wait for wait in range(attempts - 1))
    assert longest_silence == 12


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_an_api_function_has_the_time_to_say_that_dynamodb_is_silent(stack: str) -> None:
    assert int(stack_file_config(stack)["userstream:apiTimeoutSeconds"]) > 12


def test_a_service_that_is_not_known_says_which_are() -> None:
    with pytest.raises(UnknownServiceError, match="dynamodb, dynamodbstreams, s3, sqs"):
        aws_clients._client("sns")  # pyright: ignore[reportPrivateUsage]
