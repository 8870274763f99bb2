"""schemathesis against the running API: no 5xx, and no response that docs/openapi.json lacks."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contract.openapi import openapi_document
from infra.naming import PROJECT_ROOT
from tests.support.aws.signature_v4 import Signer
from tests.support.local.local_stack import LocalStack

EXAMPLES = int(os.environ.get("USERSTREAM_CONTRACT_EXAMPLES", "15"))
"""Requests per operation and phase; `make fuzz` sets it for 10,000 requests in all."""

FEWEST_REQUESTS = int(os.environ.get("USERSTREAM_CONTRACT_REQUESTS", "200"))

EXCLUDED_CHECKS = (
    # A valid request may meet a taken email (409), a reused key (422) or a newer version (412).
    "positive_data_acceptance",
    # They want 401 and 405; API Gateway answers 403 and 404.
    "missing_required_header",
    "unsupported_method",
    # A deleted user's history stays readable on purpose.
    "use_after_free",
    # The emulator accepts any Authorization header; test_hostile_requests.py has what it refuses.
    "ignored_auth",
)


def closed_document() -> dict[str, Any]:
    """Return the document with closed schemas: unlike clients, this test expects no new member."""
    document = openapi_document()
    for schema in document["components"]["schemas"].values():
        schema.setdefault("additionalProperties", False)
    document["components"]["schemas"]["GatewayMessage"].pop("additionalProperties")
    return document


@pytest.mark.timeout(3600)
def test_every_response_is_documented(local_stack: LocalStack, api_caller: Signer, tmp_path: Path) -> None:
    report, document = tmp_path / "report.json", tmp_path / "openapi.json"
    document.write_text(json.dumps(closed_document()), encoding="utf-8")
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", str(document)),
        *("--url", local_stack.outputs.api_url),
        *("--max-examples", str(EXAMPLES), "--seed", "1", "--generation-database", "none"),
        *("--exclude-checks", ",".join(EXCLUDED_CHECKS), "--continue-on-failure"),
        *("--report", "json", "--report-json-path", str(report), "--no-color"),
    ]
    credentials = {
        "USERSTREAM_ACCESS_KEY_ID": api_caller.access_key_id,
        "USERSTREAM_SECRET_ACCESS_KEY": api_caller.secret_access_key,
        "USERSTREAM_REGION": api_caller.region,
        "SCHEMATHESIS_HOOKS": "tests.support.local.schemathesis_hooks",
        "PYTHONPATH": str(PROJECT_ROOT),
    }

    run = subprocess.run(command, cwd=tmp_path, env={**os.environ, **credentials}, capture_output=True, text=True)  # noqa: PLW1510  judged below, with its output

    assert run.returncode == 0, run.stdout + run.stderr
    summary = json.loads(report.read_text(encoding="utf-8"))
    assert summary["operations"]["tested"] == summary["operations"]["total"] == 7
    assert summary["test_cases"]["generated"] >= FEWEST_REQUESTS
