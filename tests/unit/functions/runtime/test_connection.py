"""The connection of our own client, with a service on the loopback interface."""

import socket
import ssl
import threading
from collections.abc import Iterator

import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError, SSLError
from botocore.httpsession import DEFAULT_CA_BUNDLE, create_urllib3_context

from functions.runtime import connection
from functions.runtime.connection import Connection, Origin
from tests.support.aws.loopback_service import BROKEN, SILENT, LoopbackService, Reply, loopback_service, reply

REQUEST = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def service() -> Iterator[LoopbackService]:
    with loopback_service() as running:
        running.script = [reply(b"{}")]
        yield running


def connect(service: LoopbackService) -> Connection:
    return Connection(Origin("http", "127.0.0.1", service.port))


def test_a_connection_is_kept(service: LoopbackService) -> None:
    kept = connect(service)
    assert [kept.exchange(REQUEST).body for _ in range(3)] == [b"{}"] * 3
    assert service.requests == [REQUEST] * 3
    assert service.connections == 1


@pytest.mark.parametrize("first", [reply(b"{}", closes=True), reply(b"{}", headers=[("Connection", "Close")])])
def test_one_that_the_service_closed_is_replaced(service: LoopbackService, first: Reply) -> None:
    service.script = [first, reply(b"[]")]
    kept = connect(service)
    kept.exchange(REQUEST)
    assert not first.closes or service.closed.wait(10)
    assert kept.exchange(REQUEST).body == b"[]"
    assert service.connections == 2


@pytest.mark.parametrize("broken", [BROKEN, reply(b"{}", cut_to=20), Reply(b"HTTP/1.0 200 OK\r\n\r\n", closes=True)])
def test_a_broken_one_is_replaced(service: LoopbackService, broken: Reply) -> None:
    service.script = [broken, reply(b"[]")]
    kept = connect(service)
    with pytest.raises(ConnectionClosedError):
        kept.exchange(REQUEST)
    assert kept.exchange(REQUEST).body == b"[]"


def test_a_silent_one_is_replaced(service: LoopbackService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READ_SECONDS", 0.05)
    service.script = [SILENT, reply(b"[]")]
    kept = connect(service)
    with pytest.raises(ReadTimeoutError):
        kept.exchange(REQUEST)
    assert kept.exchange(REQUEST).body == b"[]"


def test_headers_are_read_by_lower_case_name_and_joined(service: LoopbackService) -> None:
    service.script = [reply(b"{}", headers=[("X-One", " a "), ("x-one", "b:c")])]
    assert connect(service).exchange(REQUEST).headers["x-one"] == "a, b:c"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    with pytest.raises(EndpointConnectionError, match=rf"http://127\.0\.0\.1:{port}"):
        Connection(Origin("http", "127.0.0.1", port)).exchange(REQUEST)


def test_https_without_tls_behind_it_is_refused() -> None:
    def answer() -> None:
        with listener.accept()[0] as accepted:
            accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            accepted.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(SSLError):
            Connection(Origin("https", "127.0.0.1", listener.getsockname()[1])).exchange(REQUEST)


def test_tls_trusts_whom_botocore_brings_along_and_checks_names() -> None:
    ours, botocores = connection.tls_context(), create_urllib3_context()
    botocores.load_verify_locations(DEFAULT_CA_BUNDLE)
    assert ours.get_ca_certs() == botocores.get_ca_certs() != []
    assert ours.verify_mode == ssl.CERT_REQUIRED
    assert ours.check_hostname
    assert ours.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert botocores.options & ~ours.options == 0
