"""The page's server without a stack behind it: what it serves, and what it refuses."""

import json
import socket
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from functions.users.attributes import ATTRIBUTES
from infra.outputs import StackOutputs
from infra.site_config import security_headers, site_attributes
from local.mailbox import keep_mail
from local.page.site import Site
from local.state import LocalStack
from tests.support.raw_http import RawAnswer, send

FRONTEND = Path(__file__).resolve().parents[4] / "frontend"
USER = "5b0a4f0e-6c3f-5d0b-9f6e-0d6a0f5f3b1c"
API = "http://127.0.0.1:9/_aws/execute-api/a1b2"

STACK = LocalStack(
    pid=1,
    emulator_pid=2,
    poller_pid=None,
    port=9,
    # Nothing listens on the discard port, so every connection to the stack is refused.
    endpoint_url="http://127.0.0.1:9",
    region="eu-west-1",
    access_key_id="test",
    secret_access_key="test",
    started_at=datetime(2026, 11, 24, tzinfo=UTC),
    outputs=StackOutputs.model_validate(
        {name: name for name in StackOutputs.model_fields}
        | {"environment": "local", "region": "eu-west-1", "api_url": API}
        | {"traffic_shift_percent": None, "traffic_shift_minutes": None}
    ),
)


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state") / "mail"


@pytest.fixture(scope="module")
def site(mailbox: Path) -> Iterator[Site]:
    site = Site(0)
    site.start(STACK, mailbox)
    yield site
    site.stop()


def test_the_site_does_not_take_the_port_reserved_for_the_emulator() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    site = Site(port, reserved=port)
    site.stop()

    assert urlsplit(site.origin).port != port


def get(site: Site, path: str, host: str | None = None) -> RawAnswer:
    lines = f"GET {path} HTTP/1.1\r\nHost: {host or urlsplit(site.origin).netloc}\r\nConnection: close\r\n\r\n"
    return exchange(site, lines.encode("latin-1"))


def exchange(site: Site, request: bytes) -> RawAnswer:
    parts = urlsplit(site.origin)
    assert parts.hostname is not None
    assert parts.port is not None
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(request)
        head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return RawAnswer(int(status.split()[1]), {name.lower(): value for name, value in headers.items()}, body)


@pytest.mark.parametrize("file", sorted(file.name for file in FRONTEND.iterdir() if file.name != "index.html"))
def test_the_files_of_the_site_are_served_as_they_are(site: Site, file: str) -> None:
    answer = get(site, f"/{file}")

    assert answer.status == 200
    assert answer.body == (FRONTEND / file).read_bytes()
    assert answer.headers["content-type"].split(";")[0] in {"text/javascript", "text/css", "image/svg+xml"}


def test_head_answers_with_the_headers_of_get_and_no_body(site: Site) -> None:
    host = urlsplit(site.origin).netloc
    answer = exchange(site, f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(len(get(site, "/").body))


@pytest.mark.parametrize("length", ["9" * 5000, "1" * 10])
def test_a_huge_content_length_is_refused_without_an_error(
    site: Site, length: str, capfd: pytest.CaptureFixture[str]
) -> None:
    host = urlsplit(site.origin).netloc
    request = f"POST /live/poison HTTP/1.1\r\nHost: {host}\r\nOrigin: {site.origin}\r\n"

    answer = exchange(site, f"{request}Content-Length: {length}\r\n\r\n".encode())

    assert answer.status == 400
    assert capfd.readouterr().err == ""


def test_the_page_includes_the_live_view(site: Site) -> None:
    page = get(site, "/").body.decode()

    assert '<script type="module" src="live/live.js"></script></head>' in page
    assert page.replace('<link rel="stylesheet" href="live/live.css">', "").replace(
        '<script type="module" src="live/live.js"></script>', ""
    ) == (FRONTEND / "index.html").read_text(encoding="utf-8")
    assert get(site, "/live/live.js").status == get(site, "/live/live.css").status == 200


def test_config_json_is_made_from_the_outputs(site: Site) -> None:
    assert json.loads(get(site, "/config.json").body) == {
        "environment": "local",
        "region": "eu-west-1",
        "apiUrl": API,
        "attributes": [attribute.model_dump() for attribute in site_attributes(ATTRIBUTES)],
    }


def test_every_response_has_the_headers_of_the_deployed_site(site: Site) -> None:
    for path in ("/", "/styles.css", "/config.json", "/nowhere"):
        answer = get(site, path)
        assert answer.headers["cache-control"] == "no-store"
        for name, value in security_headers("http://127.0.0.1:9").items():
            assert answer.headers[name.lower()] == value


@pytest.mark.parametrize(
    "path",
    [
        "/../README.md",
        "/%2e%2e/README.md",
        "/live/../README.md",
        "//etc/passwd",
        "/live/trail.py",
        "/live/users/x",
    ],
)
def test_no_other_file_of_the_machine_is_served(site: Site, path: str) -> None:
    assert get(site, path).status == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1", "127.0.0.1:1", "[::1]:8080"])
def test_another_host_name_is_refused_because_it_may_be_dns_rebinding(site: Site, host: str) -> None:
    for path in ("/", "/config.json", f"/live/users/{USER}", "/live/mailbox"):
        assert get(site, path, host).status == 421


def test_localhost_is_redirected_to_the_address_that_cors_allows(site: Site) -> None:
    answer = get(site, "/styles.css", f"localhost:{urlsplit(site.origin).port}")

    assert (answer.status, answer.headers["location"]) == (307, f"{site.origin}/styles.css")


@pytest.mark.parametrize(
    "target", ["http://[", "http://evil.example/", "https://evil.example/live/live.js", "@evil.example/", ".evil/", "*"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_a_target_that_is_no_path_is_refused_and_leads_nowhere(
    site: Site, method: str, target: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Such as `http://127.0.0.1:8080@evil.example/`, made of this server's name and the target."""
    for host in (f"localhost:{site.server_port}", site.host):
        answer = exchange(site, f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert answer.status == 400
        assert "location" not in answer.headers
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "target", ["//evil.example/x", "///evil.example", "/%5c%5cevil.example", "/\\evil.example", "/@evil"]
)
def test_localhost_is_redirected_to_no_other_host(site: Site, target: str) -> None:
    answer = get(site, target, f"localhost:{site.server_port}")
    assert answer.headers["location"].startswith(f"{site.origin}/")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "GE<b>T", "get"])
def test_no_other_method_does_anything_or_allows_an_origin(site: Site, method: str) -> None:
    answer = send(site.origin, method, f"/live/users/{USER}/delete", headers={"Origin": "https://evil.example"})

    assert answer.status == 501
    assert b"<b>" not in answer.body
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("action", ["update", "delete", "poison"])
@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1:1"])
def test_an_action_from_another_site_is_refused(site: Site, action: str, origin: str | None) -> None:
    headers = {"Content-Type": "application/json"} | ({"Origin": origin} if origin else {})

    assert send(site.origin, "POST", f"/live/users/{USER}/{action}", b"{}", headers).status == 403


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("text/plain", b"{}"), ("application/x-www-form-urlencoded", b"a=b"), ("application/json", b"x" * 16_385)],
)
def test_an_action_takes_a_small_json_body_only(site: Site, content_type: str, body: bytes) -> None:
    headers = {"Content-Type": content_type, "Origin": site.origin}

    assert send(site.origin, "POST", f"/live/users/{USER}/update", body, headers).status == 400


@pytest.mark.parametrize("path", ["/live/users/x/update", f"/live/users/{USER}/promote", f"/live/users/{USER}", "/"])
def test_there_are_three_actions(site: Site, path: str) -> None:
    headers = {"Content-Type": "application/json", "Origin": site.origin}

    assert send(site.origin, "POST", path, b"{}", headers).status == 404


def test_an_action_on_a_stack_that_has_ended_is_answered_with_502(site: Site) -> None:
    headers = {"Content-Type": "application/json", "Origin": site.origin}

    answer = send(site.origin, "POST", f"/live/users/{USER}/delete", b"{}", headers)

    assert answer.status == 502
    assert answer.json["title"] == "The local stack did not do that."


def test_a_taken_port_is_left_to_its_owner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        site = Site(owner.getsockname()[1])
        assert site.origin != f"http://127.0.0.1:{owner.getsockname()[1]}"
        site.stop()


def test_a_browser_that_closes_its_connection_causes_no_output(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    parts = urlsplit(site.origin)
    assert parts.port is not None
    for _ in range(20):
        with socket.create_connection((parts.hostname, parts.port)) as connection:
            # Reset the connection at once, as a browser does.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(f"GET /styles.css HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode() * 50)
    get(site, "/")

    assert capfd.readouterr() == ("", "")


def test_the_mailbox_shows_the_mails_to_one_address_and_their_folder(site: Site, mailbox: Path) -> None:
    assert json.loads(get(site, "/live/mailbox?to=alice@example.com").body) == {"folder": str(mailbox), "mails": []}

    keep_mail(mailbox, "To: alice@example.com\nSubject: Confirm\n\nOpen this link.\n")
    keep_mail(mailbox, "To: bob@example.com\nSubject: Confirm\n\nOpen Bob's link.\n")

    for typed in ("alice@example.com", "Alice%40EXAMPLE.com"):
        (mail,) = json.loads(get(site, f"/live/mailbox?to={typed}").body)["mails"]
        assert (mail["to"], mail["subject"], mail["text"]) == ("alice@example.com", "Confirm", "Open this link.\n")


@pytest.mark.parametrize(
    "query", ["", "?", "?to=", "?to=nobody@example.com", "?to=alice", "?to=%40example.com", "?to=*"]
)
def test_who_knows_no_address_sees_no_mail(site: Site, mailbox: Path, query: str) -> None:
    keep_mail(mailbox, "To: alice@example.com\nSubject: Confirm\n\nOpen this link.\n")
    keep_mail(mailbox, "Subject: To nobody\n\nOpen this link.\n")

    answer = get(site, f"/live/mailbox{query}")

    assert b"Open this link" not in answer.body
    assert answer.status == (200 if "=" in query.removesuffix("=") else 400)


@pytest.mark.parametrize("path", ["/live/users/00000000-0000-4000-8000-000000000000", "/live/mailbox", "/live/live.js"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_the_live_view_does_not_open_for_another_sites_page(site: Site, headers: dict[str, str], path: str) -> None:
    host = urlsplit(site.origin).netloc
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    answer = exchange(site, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}Connection: close\r\n\r\n".encode())

    assert answer.status == 403
