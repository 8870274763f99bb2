"""Hostile request lines, headers and signatures: refused without a 5xx and without an echo."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.local.test_hostile_bodies import JSON, member, problem, register
from tests.support.aws.signature_v4 import Signer
from tests.support.local.local_stack import LocalStack
from tests.support.raw_http import RawAnswer, send

NOBODY = "00000000-0000-4000-8000-000000000000"
REFUSALS = {400, 403, 404, 405, 414, 431}


@pytest.mark.parametrize(
    "path",
    [
        "/REGISTER",
        "/register%00",
        "/register;jsessionid=1",
        "/register/../users/x",
        "/register/%2e%2e/users/x",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/users/..%2f..%2fetc%2fpasswd",
        "/users/%2e%2e%5cx",
        "/users/%ff%fe",
        "/users/%",
        "/users/%zz",
        "/users/" + "a" * 7_000,
        "/users/x/activity/../../register",
        "/_aws/execute-api/other/register",
        "/users/x%0d%0aX-Injected:%201",
    ],
    ids=lambda path: path[:40],
)
def test_a_path_trick_reaches_no_other_route(local_stack: LocalStack, path: str) -> None:
    answer = send(local_stack.outputs.api_url, "POST", path, member(), JSON)

    assert answer.status in REFUSALS, answer
    assert "x-injected" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "TRACE", "CONNECTED"])
def test_a_method_that_the_route_lacks_is_refused(local_stack: LocalStack, method: str) -> None:
    assert send(local_stack.outputs.api_url, method, "/register", member(), JSON).status in REFUSALS


@pytest.mark.parametrize(
    "header", ["X-HTTP-Method-Override", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"]
)
def test_a_header_cannot_turn_the_request_into_another(local_stack: LocalStack, header: str) -> None:
    value = "DELETE" if "Method" in header else f"/users/{NOBODY}"

    assert register(local_stack, member(), {**JSON, header: value}).status == 201


@pytest.mark.parametrize(
    "key",
    ["", "x" * 15, "x" * 256, "caf\xe9" * 4, "tab\there" * 3, "\x7f" * 16],
    ids=["empty", "15", "256", "latin-1", "tab", "delete"],
)
def test_an_invalid_idempotency_key_is_malformed(local_stack: LocalStack, key: str) -> None:
    answer = register(local_stack, member(), {**JSON, "Idempotency-Key": key})

    # A header without a value may be dropped on the way; then there is no key.
    assert answer.status == 201 if key == "" and answer.status == 201 else problem(answer, 400) == "malformed-request"


@pytest.mark.parametrize("key", ["a" * 255, "${jndi:ldap://x}", "'; DROP TABLE users --", "%0d%0aSet-Cookie: a=b"])
def test_an_odd_idempotency_key_is_a_key_like_any_other(local_stack: LocalStack, key: str) -> None:
    body = member()
    headers = {**JSON, "Idempotency-Key": key[:200] + uuid4().hex}
    first, second = (register(local_stack, body, headers) for _ in range(2))

    assert first.status == second.status == 201
    assert first.json == second.json
    assert "set-cookie" not in first.headers
    assert key not in str(first)


def test_a_folded_header_adds_no_header_to_the_response(local_stack: LocalStack) -> None:
    folded = b"Content-Type: application/json\r\nIdempotency-Key: a\r\n\tX-Injected: 1\r\n"
    answer = send(local_stack.outputs.api_url, "POST", "/register", member(), folded)

    assert answer.status < 500
    assert "x-injected" not in answer.headers


def test_a_request_with_two_lengths_is_refused(local_stack: LocalStack) -> None:
    headers = {**JSON, "Transfer-Encoding": "chunked"}
    answer = send(local_stack.outputs.api_url, "POST", "/register", b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n", headers)

    assert 400 <= answer.status < 500


@pytest.mark.parametrize("user_id", ["x" * 129, "%00", "%0a", "%F0%9F%98%80", "..", "%2e%2e", NOBODY.upper(), "{}"])
def test_an_unknown_user_id_is_not_found(local_stack: LocalStack, api_caller: Signer, user_id: str) -> None:
    answer = signed_get(local_stack, f"/users/{user_id}", api_caller)

    assert answer.status in {400, 403, 404}, answer


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=101", "limit=-1", "limit=1e1", "limit=%D9%A1", "limit=", "limit=1&limit=2"),
        *("nextToken=x", "nextToken=", "nextToken=%00", "nextToken=" + "A" * 54, "nextToken=" + "A" * 4_000),
    ],
    ids=lambda query: query[:30],
)
def test_an_invalid_query_is_malformed(local_stack: LocalStack, api_caller: Signer, query: str) -> None:
    answer = signed_get(local_stack, f"/users/{NOBODY}/activity?{query}", api_caller)

    assert problem(answer, 400) == "malformed-request"


Forge = Callable[[dict[str, str]], Mapping[str, str]]


def without(name: str) -> Forge:
    return lambda headers: {key: value for key, value in headers.items() if key != name}


def with_authorization(change: Callable[[str], str]) -> Forge:
    return lambda headers: {**headers, "Authorization": change(headers["Authorization"])}


FORGERIES: Mapping[str, Forge] = {
    "no signature": lambda _headers: {},
    "only the algorithm": with_authorization(lambda _value: "AWS4-HMAC-SHA256"),
    "no fields": with_authorization(lambda _value: "AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature="),
    "another algorithm": with_authorization(lambda value: value.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1")),
    "a wrong signature": with_authorization(lambda value: value[:-64] + "0" * 64),
    "a short signature": with_authorization(lambda value: value[:-1]),
    "no signed headers": with_authorization(lambda value: value.replace("SignedHeaders=host;x-amz-date, ", "")),
    "no credential": with_authorization(lambda value: "AWS4-HMAC-SHA256 " + value.partition(", ")[2]),
    "a scope of four parts": with_authorization(lambda value: value.replace("/aws4_request", "")),
    "10,000 characters": with_authorization(lambda value: value + "0" * 10_000),
    "an empty one": with_authorization(lambda _value: ""),
    "another scheme": with_authorization(lambda _value: "Bearer eyJhbGciOiJub25lIn0.e30."),
    "no date": without("X-Amz-Date"),
    "a date that is none": lambda headers: {**headers, "X-Amz-Date": "yesterday"},
    "a date of last week": lambda headers: {
        **headers,
        "X-Amz-Date": (datetime.now(UTC) - timedelta(days=7)).strftime("%Y%m%dT%H%M%SZ"),
    },
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_malformed_signature_is_refused(local_stack: LocalStack, api_caller: Signer, forge: Forge) -> None:
    path = f"/users/{NOBODY}"
    url = local_stack.outputs.api_url
    headers = forge(api_caller.headers("GET", url + path))

    answer = send(url, "GET", path, headers=headers)

    assert 400 <= answer.status <= 403, answer
    assert NOBODY not in answer.body.decode()


@pytest.mark.parametrize(
    "change",
    [
        {"secret_access_key": "wrong"},
        {"access_key_id": "AKIAAAAAAAAAAAAAAAAA"},
        {"service": "dynamodb"},
        {"region": "xx-nowhere-1"},
    ],
    ids=str,
)
def test_a_signature_with_wrong_keys_region_or_service_is_refused(
    local_stack: LocalStack, api_caller: Signer, change: dict[str, str]
) -> None:
    answer = signed_get(local_stack, f"/users/{NOBODY}", replace(api_caller, **change))

    assert answer.status == 403, answer


def test_a_signature_for_another_path_is_refused(local_stack: LocalStack, api_caller: Signer) -> None:
    url = local_stack.outputs.api_url
    headers = api_caller.headers("GET", f"{url}/users/another")

    assert send(url, "GET", f"/users/{NOBODY}", headers=headers).status == 403


def test_the_right_signature_is_accepted(local_stack: LocalStack, api_caller: Signer) -> None:
    answer = signed_get(local_stack, f"/users/{NOBODY}", api_caller)

    assert problem(answer, 404) == "not-found"


def signed_get(stack: LocalStack, path: str, signer: Signer) -> RawAnswer:
    url = stack.outputs.api_url
    return send(url, "GET", path, headers=signer.headers("GET", url + path))
