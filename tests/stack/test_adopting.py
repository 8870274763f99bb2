"""The code that docs/adopting.md shows runs and keeps every rule."""

import ast
import re
from types import SimpleNamespace

import pulumi
import pulumi_aws as aws

from guardrails.resource import DISTRIBUTION
from infra.naming import PROJECT_ROOT
from infra.settings.stack_file import stack_file_config
from tests.support.stack.guarded_stack import ALL, changed, findings, guarded, resources_of
from tests.support.stack.recorded_stack import record

API_LINES, PAGE_LINES = re.findall(
    r"```python\n(.*?)```", (PROJECT_ROOT / "docs" / "adopting.md").read_text(encoding="utf-8"), re.DOTALL
)
TAGS = {"project": "userstream", "environment": "prod", "managedBy": "pulumi"}


def run_api_lines() -> None:
    environment = SimpleNamespace(tags=TAGS, protect=True)
    names = {
        "aws": aws,
        "pulumi": pulumi,
        "args": SimpleNamespace(environment=environment),
        "self": None,
        "api_id": "a1b2c3",
        "stage_id": "$default",
    }
    # The component that the code belongs to isn't there: the code reads two ids of it.
    lines = API_LINES.replace("self.api.id", "api_id").replace("self.stage.id", "stage_id")
    exec(lines, names)  # noqa: S102  our own page


def test_the_documented_api_domain_keeps_every_rule() -> None:
    domain = guarded(record("prod", config=stack_file_config("prod"), program=run_api_lines))

    assert {resource.type for resource in domain} >= {
        "aws:apigatewayv2/domainName:DomainName",
        "aws:apigatewayv2/apiMapping:ApiMapping",
    }
    assert [str(finding) for finding in findings(ALL, [*resources_of("prod"), *domain])] == []


def run_page_lines() -> None:
    (statement,) = ast.parse(PAGE_LINES).body
    assert isinstance(statement, ast.Assign)
    assert isinstance(statement.value, ast.Call)
    # The document shows two arguments; the others are the real distribution's.
    given = {
        str(keyword.arg): eval(ast.unparse(keyword.value), {"aws": aws})  # noqa: S307  our own page
        for keyword in statement.value.keywords
    }
    aws.cloudfront.Distribution(
        "page",
        enabled=True,
        origins=[],
        default_cache_behavior={"target_origin_id": "bucket", "viewer_protocol_policy": "https-only"},  # pyright: ignore[reportArgumentType]  the rest is the real distribution's
        restrictions={"geo_restriction": {"restriction_type": "none"}},
        **given,
    )


def test_the_documented_page_domain_keeps_every_rule() -> None:
    written = record("prod", config=stack_file_config("prod"), program=run_page_lines).only(DISTRIBUTION, "page").inputs
    own = {name: written[name] for name in ("aliases", "viewerCertificate")}
    stack = changed(resources_of("prod"), "website", DISTRIBUTION, own)

    assert [str(finding) for finding in findings(ALL, stack)] == []
