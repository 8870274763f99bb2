"""The clients that every function shares."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import UnknownServiceError

from functions import aws_clients


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
    longest = config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout)
    assert longest < 15


def test_a_service_that_is_not_known_says_which_are() -> None:
    with pytest.raises(UnknownServiceError, match="dynamodb, dynamodbstreams, s3, sqs"):
        aws_clients._client("sns")  # pyright: ignore[reportPrivateUsage]
