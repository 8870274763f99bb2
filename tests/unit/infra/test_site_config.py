import json

import pytest
from pydantic import ValidationError

from functions.users.attributes import ATTRIBUTES
from infra.outputs import StackOutputs
from infra.site_config import SiteConfig, origin, security_headers, site_attributes
from tests.support.users.declarations import NICKNAME

OUTPUTS = {name: f"{name}-value" for name in StackOutputs.model_fields} | {
    "environment": "dev",
    "region": "eu-west-1",
    "api_url": "https://a1b2.execute-api.eu-west-1.amazonaws.com",
    "website_url": None,
    "traffic_shift_percent": None,
    "traffic_shift_minutes": None,
}


def test_config_json_has_three_of_the_outputs_and_the_form_s_attributes() -> None:
    config = SiteConfig.from_outputs(StackOutputs.model_validate(OUTPUTS))

    assert json.loads(config.to_json()) == {
        "environment": "dev",
        "region": "eu-west-1",
        "apiUrl": "https://a1b2.execute-api.eu-west-1.amazonaws.com",
        "attributes": [attribute.model_dump() for attribute in site_attributes(ATTRIBUTES)],
    }


def test_the_form_asks_for_what_may_be_sent_and_nothing_else() -> None:
    (shown,) = site_attributes([NICKNAME, NICKNAME._replace(name="later", accepted=False)])
    assert shown.model_dump() == {
        "name": "nickname",
        "label": "Nickname",
        "hint": "",
        "example": "Al",
        "required": False,
        "confirmed": False,
        "type": "text",
        "inputmode": "text",
        "autocomplete": "off",
        "autocapitalize": "none",
    }


@pytest.mark.parametrize("api_url", ["https://api.example.com/", "ftp://api.example.com", "api.example.com", ""])
def test_an_api_url_that_the_page_could_not_use_is_refused(api_url: str) -> None:
    with pytest.raises(ValidationError, match="api_url"):
        SiteConfig(environment="dev", region="eu-west-1", api_url=api_url)


def test_an_origin_has_no_path() -> None:
    assert origin("http://127.0.0.1:4566/_aws/execute-api/a1b2/stage") == "http://127.0.0.1:4566"


def test_the_security_policy_allows_only_the_page_s_files_and_its_api() -> None:
    policy = security_headers("https://api.example.com")["Content-Security-Policy"]
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))

    assert directives["default-src"] == "'none'"
    assert directives["connect-src"] == "'self' https://api.example.com"
    assert {directives["script-src"], directives["style-src"]} == {"'self'"}
    assert "unsafe" not in policy
