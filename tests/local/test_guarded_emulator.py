"""The emulator's port: closed to pages, to other names, and to whoever lacks the drawn keys."""

from http.client import HTTPConnection

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local.aws_clients import Clients
from local.root_keys import RootKeys
from local.state import clients_of, functions_of, root_keys_of
from tests.support.local.local_stack import LocalStack
from tests.support.raw_http import send

NOBODY = "/users/00000000-0000-4000-8000-000000000000"
LIST_TABLES = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}
CALLS = {
    "acm": "list_certificates",
    "apigatewayv2": "get_apis",
    "cloudfront": "list_distributions",
    "cloudwatch": "list_metrics",
    "dynamodb": "list_tables",
    "dynamodbstreams": "list_streams",
    "events": "list_rules",
    "iam": "list_users",
    "lambda": "list_functions",
    "logs": "describe_log_groups",
    "route53": "list_hosted_zones",
    "s3": "list_buckets",
    "sns": "list_topics",
    "sqs": "list_queues",
    "sts": "get_caller_identity",
}


def signed(stack: LocalStack, url: str, service: str, keys: RootKeys, **headers: str) -> dict[str, str]:
    request = AWSRequest(method="GET", url=url, headers=headers)
    SigV4Auth(Credentials(*keys), service, stack.region).add_auth(request)
    return dict(request.headers.items())


def guesses(stack: LocalStack) -> list[RootKeys]:
    account = clients_of(stack).account_id
    return [
        RootKeys("test", "test"),
        RootKeys("test", stack.secret_access_key),
        RootKeys(account, "test"),
        RootKeys(stack.access_key_id, "wrong"),
        RootKeys("AKIAAAAAAAAAAAAAAAAA", stack.secret_access_key),
    ]


@pytest.mark.parametrize("service", CALLS)
def test_no_guessed_key_calls_a_service(local_stack: LocalStack, service: str) -> None:
    for keys in guesses(local_stack):
        guesser = Clients(local_stack.endpoint_url, local_stack.region, *keys)
        with pytest.raises(ClientError):
            getattr(guesser.of_service(service), CALLS[service])()

    getattr(clients_of(local_stack).of_service(service), CALLS[service])()


def test_no_guessed_key_calls_the_api(local_stack: LocalStack) -> None:
    url = local_stack.outputs.api_url
    for keys in guesses(local_stack):
        headers = signed(local_stack, url + NOBODY, "execute-api", keys)
        assert send(url, "GET", NOBODY, headers=headers).status == 403, keys

    headers = signed(local_stack, url + NOBODY, "execute-api", root_keys_of(local_stack))
    assert send(url, "GET", NOBODY, headers=headers).status == 404


def test_an_authorization_that_names_two_keys_or_none_is_refused(local_stack: LocalStack) -> None:
    url = local_stack.outputs.api_url
    headers = signed(local_stack, url + NOBODY, "execute-api", RootKeys("test", "test"))
    right = headers["Authorization"]
    second = "Credential=AKIAX/20260101/us-east-1/execute-api/aws4_request"
    for forged in (
        right.replace("Credential=test", "Credential="),
        right.replace("Credential=", f"{second}, Credential=", 1),
        f"{right}, {second}",
        right.replace("Credential=", f"x=Credential=test/, {second}, y=", 1),
    ):
        assert send(url, "GET", NOBODY, headers={**headers, "Authorization": forged}).status == 403, forged


@pytest.mark.parametrize("name", ["X-Amz-Credential", "x-amz-credential", "AWSAccessKeyId", "X-Amz-Signature"])
def test_keys_in_the_query_are_not_read(local_stack: LocalStack, name: str) -> None:
    value = "test/20260101/us-east-1/execute-api/aws4_request"

    assert send(local_stack.outputs.api_url, "GET", f"{NOBODY}?{name}={value}").status == 403
    assert send(local_stack.endpoint_url, "GET", f"/?Action=ListQueues&{name}={value}").status == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:1", "https://evil.example", "null"])
def test_a_page_reaches_no_service_even_with_the_right_keys(local_stack: LocalStack, origin: str) -> None:
    url = f"{local_stack.endpoint_url}/2015-03-31/functions"
    headers = signed(local_stack, url, "lambda", root_keys_of(local_stack))
    assert send(local_stack.endpoint_url, "GET", "/2015-03-31/functions", headers=headers).status == 200

    answer = send(local_stack.endpoint_url, "GET", "/2015-03-31/functions", headers={**headers, "Origin": origin})
    assert answer.status == 403
    preflight = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "*"}
    asked = send(local_stack.endpoint_url, "OPTIONS", "/", headers=preflight)
    assert asked.status == 403
    assert not any(name.startswith("access-control") for name in (*answer.headers, *asked.headers))


def test_the_api_allows_the_page_and_no_other_origin(local_stack: LocalStack) -> None:
    allowed = {
        origin: send(
            local_stack.outputs.api_url,
            "OPTIONS",
            "/register",
            headers={"Origin": str(origin), "Access-Control-Request-Method": "POST"},
        ).headers.get("access-control-allow-origin")
        for origin in (local_stack.outputs.website_url, "http://127.0.0.1:1")
    }

    assert allowed == {local_stack.outputs.website_url: local_stack.outputs.website_url, "http://127.0.0.1:1": None}


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example:4566",
        "id.execute-api.localhost:4566",
        "localhost.evil.example",
        "127.0.0.1.",
        "127.0.0.1:4566:evil.example",
        "127.0.0.1:4566, evil.example",
        "127.0.0.1@evil.example",
        "localhost:evil.example",
        "127.0.0.1:",
        "2130706433",
        "0x7f.1",
        "0.0.0.0:4566",
        "[::1]:4566",
    ],
)
def test_another_host_name_is_misdirected(local_stack: LocalStack, host: str) -> None:
    connection = HTTPConnection("127.0.0.1", local_stack.port)
    connection.request("POST", "/", b"{}", {**LIST_TABLES, "Host": host})

    assert connection.getresponse().status == 421


@pytest.mark.parametrize("path", ["/_ministack/reset", "/_ministack/config", "/_localstack/health", "/health"])
def test_an_administration_path_does_not_exist(local_stack: LocalStack, path: str) -> None:
    url, keys = local_stack.endpoint_url, root_keys_of(local_stack)
    for method in ("POST", "GET"):
        assert send(url, method, path, b"").status == 404
    assert send(url, "GET", path, headers=signed(local_stack, url + path, "sts", keys)).status == 404
    assert clients_of(local_stack).dynamodb.list_tables()["TableNames"]


OTHER_API_PATHS = ["", "x", "/x", "/../_ministack/reset", "ID", "../x", "%2e%2e/x", "-/x", "%00/x", "x%3fy/z"]


@pytest.mark.parametrize("rest", OTHER_API_PATHS)
def test_a_path_beside_every_api_is_for_signed_calls_alone(local_stack: LocalStack, rest: str) -> None:
    """The emulator would take it for a call of one of its services, and allow every origin."""
    url, path = local_stack.endpoint_url, f"/_aws/execute-api/{rest}"
    page = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answers = [
        send(url, "POST", path, b"{}", LIST_TABLES),
        send(url, "POST", f"{path}?Action=ListQueues", b"Action=ListQueues"),
        send(url, "PUT", path, b"x"),
        send(url, "OPTIONS", path, headers=page),
        send(url, "POST", path, b"{}", {**LIST_TABLES, "Origin": "https://evil.example"}),
    ]

    assert {answer.status for answer in answers} <= {403, 404}
    assert not any(name.startswith(("access-control", "x-amz")) for answer in answers for name in answer.headers)
    headers = signed(local_stack, url + path, "s3", root_keys_of(local_stack))
    assert send(url, "GET", path, headers={**headers, **page}).status == 403


UNSIGNED_SERVICES = [
    "/oauth2/authorize?response_type=code&client_id=x",
    "/oauth2/token",
    "/oauth2/userInfo",
    "/login",
    "/logout",
    "/pool/.well-known/jwks.json",
    "/v2",
    "/v2/",
    "/v2/_catalog",
    "/v2/x/blobs/uploads/",
    "/v2/x/manifests/latest",
    "/v2/x/tags/list",
]


@pytest.mark.parametrize("path", UNSIGNED_SERVICES)
def test_a_service_that_looks_at_no_signature_does_not_exist(local_stack: LocalStack, path: str) -> None:
    url = local_stack.endpoint_url
    for method in ("GET", "POST"):
        for keys in (RootKeys("AKIAAAAAAAAAAAAAAAAA", "x"), root_keys_of(local_stack)):
            assert send(url, method, path, headers=signed(local_stack, url + path, "sts", keys)).status == 404, keys


@pytest.mark.parametrize("path", ["/_ministack/health", "/_ministack/sqs/messages"])
def test_the_stacks_own_paths_are_for_the_root_user(local_stack: LocalStack, path: str) -> None:
    url = local_stack.endpoint_url
    assert send(url, "GET", path).status == 403
    for keys in guesses(local_stack):
        assert send(url, "GET", path, headers=signed(local_stack, url + path, "sts", keys)).status == 403
    assert (
        send(url, "GET", path, headers=signed(local_stack, url + path, "sts", root_keys_of(local_stack))).status == 200
    )


def test_an_unsigned_call_is_refused(local_stack: LocalStack) -> None:
    assert send(local_stack.endpoint_url, "POST", "/", b"{}", LIST_TABLES).status == 403
    for authorization in ("", "Bearer x", "AWS test:x", "AWS4-HMAC-SHA256"):
        headers = {**LIST_TABLES, "Authorization": authorization}
        assert send(local_stack.endpoint_url, "POST", "/", b"{}", headers).status == 403


def test_a_signature_covers_the_body(local_stack: LocalStack) -> None:
    request = AWSRequest(method="POST", url=f"{local_stack.endpoint_url}/", data=b"{}", headers=LIST_TABLES)
    SigV4Auth(Credentials(*root_keys_of(local_stack)), "dynamodb", local_stack.region).add_auth(request)
    headers = dict(request.headers.items())

    assert send(local_stack.endpoint_url, "POST", "/", b"{}", headers).status == 200
    assert send(local_stack.endpoint_url, "POST", "/", b'{"Limit":1}', headers).status >= 400


def test_a_functions_credentials_do_not_follow_from_its_arn(local_stack: LocalStack) -> None:
    """The emulator alone makes them of the function's and the role's ARN by SHA-256."""
    from hashlib import sha256  # noqa: PLC0415  for this derivation

    name = functions_of(local_stack.outputs)["register-user"]
    config = clients_of(local_stack).lambda_.get_function_configuration(FunctionName=name)
    digest = sha256(f"{config.get('FunctionArn')}:{config.get('Role')}".encode()).hexdigest()
    keys = RootKeys(f"ASIA{digest[:16].upper()}", sha256(f"secret:{digest}".encode()).hexdigest())
    headers = {"X-Amz-Security-Token": sha256(f"token:{digest}".encode()).hexdigest()}
    url = f"{local_stack.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15"

    answer = send(
        local_stack.endpoint_url,
        "GET",
        "/?Action=GetCallerIdentity&Version=2011-06-15",
        headers=signed(local_stack, url, "sts", keys, **headers),
    )
    assert answer.status == 403, answer
