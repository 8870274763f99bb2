"""Clients that are generated from docs/openapi.json compile strictly and understand a stack."""

import json
import os
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from contract.files import DOCS
from tests.support.aws.signature_v4 import Signer
from tests.support.local.local_stack import LocalStack
from tests.support.programs import CLIENTS, run

DOCUMENT = DOCS / "openapi.json"

UNDERSTOOD = {
    "registered": [201, "User registered successfully"],
    "etag": '"1"',
    "location": True,
    "changed": [200, "Alice B."],
    "taken": [409, "urn:userstream:problem:already-taken", "email already-taken", "username already-taken"],
    "reused": [422, "urn:userstream:problem:idempotency-key-reused"],
    "invalid": [422, "urn:userstream:problem:validation-failed", "username too-short"],
    "malformed": [400, "urn:userstream:problem:malformed-request"],
    "notJson": [415, "urn:userstream:problem:unsupported-media-type"],
    "unsigned": [403, "Forbidden"],
    "outdated": [412, "urn:userstream:problem:version-conflict"],
    "deleted": 204,
    "missing": [404, "urn:userstream:problem:not-found"],
}
"""What each call is answered, as far as the generated types tell."""


TOOLS = Path(sys.executable).parent


def generate_python(directory: Path) -> None:
    """Generate the package `users_client` in a directory; the generator formats it with ruff."""
    generate = ["generate", "--path", DOCUMENT, "--meta", "none", "--output-path", "users_client"]
    run(TOOLS / "openapi-python-client", *generate, cwd=directory, PATH=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def variables(local_stack: LocalStack, api_caller: Signer) -> dict[str, str]:
    """What the callers need to know of the stack."""
    return {
        "API_URL": local_stack.outputs.api_url,
        "AWS_ACCESS_KEY_ID": api_caller.access_key_id,
        "AWS_SECRET_ACCESS_KEY": api_caller.secret_access_key,
        "AWS_REGION": api_caller.region,
        "RUN": uuid4().hex[:12],
    }


def test_a_typescript_client_tells_every_answer_apart(typescript: Path, variables: dict[str, str]) -> None:
    binaries = typescript / "node_modules" / ".bin"
    run(binaries / "openapi-typescript", DOCUMENT, "--output", "api.ts", cwd=typescript)
    run(binaries / "tsc", cwd=typescript)

    assert json.loads(run("node", "built/calls.js", cwd=typescript, **variables)) == UNDERSTOOD


def test_a_python_client_tells_every_answer_apart(tmp_path: Path, variables: dict[str, str]) -> None:
    generate_python(tmp_path)
    script = tmp_path / "python_calls.py"
    script.write_text((CLIENTS / "python_calls.py").read_text(encoding="utf-8"), encoding="utf-8")
    # Strict about how the client is used; the generated files themselves aren't ours.
    config = {"typeCheckingMode": "strict", "include": [script.name], "reportMissingTypeStubs": False}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config), encoding="utf-8")
    run(TOOLS / "basedpyright", "--level", "error", "--pythonpath", sys.executable, cwd=tmp_path)

    assert json.loads(run(sys.executable, script, cwd=tmp_path, PYTHONPATH="", **variables)) == UNDERSTOOD


def test_a_python_client_understands_api_gateways_own_refusals(tmp_path: Path) -> None:
    generate_python(tmp_path)
    script = """
import httpx
from users_client import Client
from users_client.api.registration import register_user
from users_client.models import Registration
for status in (413, 429, 500, 503):
    answer = httpx.MockTransport(lambda request: httpx.Response(status, json={"message": "Service Unavailable"}))
    client = Client(base_url="https://api.example.com", httpx_args={"transport": answer})
    print(register_user.sync(client=client, body=Registration("Alice", "alice@example.com", "alice")).message)
"""

    assert run(sys.executable, "-c", script, cwd=tmp_path).split("\n") == 4 * ["Service Unavailable"] + [""]
