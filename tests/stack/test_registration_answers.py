"""What a stack with neutral answers has, and that no other has any of it."""

import pytest

from infra.settings.check import SettingsError, load_settings
from tests.support.stack.guarded_stack import ALL, STACKS, findings, guarded
from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import NEUTRAL_ANSWERS, record, record_neutral

FUNCTION = "aws:lambda/function:Function"
QUEUE = "aws:sqs/queue:Queue"
ROUTE = "aws:apigatewayv2/route:Route"
STAGE = "aws:apigatewayv2/stage:Stage"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
CONFIRMATION = {"confirm-registration", "send-registration-mail"}


@pytest.mark.parametrize("stack", STACKS)
def test_explicit_answers_need_nothing_of_it(stack: str) -> None:
    recorded = record(stack)
    assert CONFIRMATION.isdisjoint(function.name for function in recorded.of_type(FUNCTION))
    assert not [queue for queue in recorded.of_type(QUEUE) if "registration" in queue.name]
    assert "POST /register/confirmation" not in {route.inputs["routeKey"] for route in recorded.of_type(ROUTE)}
    variables = recorded.only(FUNCTION, "register-user").inputs["environment"]["variables"]
    assert variables.keys() == {"ENVIRONMENT", "USERS_TABLE", "USER_KEYS_TABLE"}
    assert recorded.outputs.get("registrationMailsQueueUrl") is None


@pytest.mark.parametrize("stack", STACKS)
def test_neutral_answers_meet_every_guardrail(stack: str) -> None:
    assert [str(one) for one in findings(ALL, guarded(record_neutral(stack)))] == []


def test_registering_can_neither_read_an_address_nor_store_a_user() -> None:
    statements = record_neutral("dev").statements("register-user")
    allowed = {action for statement in statements for action in statement["Action"]}
    assert {action for action in allowed if not action.startswith("logs:")} == {"dynamodb:PutItem", "sqs:SendMessage"}
    tables = [
        arn for statement in statements if "dynamodb:PutItem" in statement["Action"] for arn in statement["Resource"]
    ]
    assert [arn.rpartition("/")[2] for arn in tables] == ["UserKeys-dev"]


def test_mails_come_from_the_sender_alone() -> None:
    (statement,) = [
        each for each in record_neutral("dev").statements("send-registration-mail") if "ses:SendEmail" in each["Action"]
    ]
    identity = "arn:aws:ses:eu-west-1:123456789012:identity/"
    assert statement["Resource"] == [
        f"{identity}{name}" for name in ("users@mail.example.com", "mail.example.com", "example.com")
    ]


def test_links_lead_to_the_stack_s_page_or_to_one_that_is_set() -> None:
    own = record_neutral("dev").only(FUNCTION, "send-registration-mail").inputs["environment"]["variables"]
    assert own["CONFIRMATION_PAGE"].startswith("https://")
    assert own["CONFIRMATION_PAGE"].endswith("/")
    page = "https://app.example.com/confirm"
    config = own_config("dev") | NEUTRAL_ANSWERS | {"userstream:confirmationPage": page}
    variables = record("dev", config=config).only(FUNCTION, "send-registration-mail").inputs["environment"]["variables"]
    assert variables["CONFIRMATION_PAGE"] == page


def test_a_mail_that_fails_waits_in_a_dead_letter_queue() -> None:
    recorded = record_neutral("prod")
    queue = recorded.only(QUEUE, "registration-mails-queue")
    target = recorded.only(QUEUE, "registration-mails-dead-letter-queue")
    assert queue.json("redrivePolicy")["deadLetterTargetArn"].endswith(target.inputs["name"])
    assert {
        "RegistrationMailsDeadLetterQueueDepth",
        "RegistrationMailsQueueAge",
        "SendRegistrationMailErrors",
        "ConfirmRegistrationErrors",
    } <= {alarm.name for alarm in recorded.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")}


def test_confirmations_are_throttled_and_limited_as_registrations_are() -> None:
    config = own_config("prod") | NEUTRAL_ANSWERS | {"userstream:registrationsPerClient": "100"}
    recorded = record("prod", config=config)
    (stage,) = recorded.of_type(STAGE)
    assert [each["routeKey"] for each in stage.inputs["routeSettings"]] == [
        "POST /register",
        "POST /register/confirmation",
    ]
    (distribution,) = recorded.of_type(DISTRIBUTION)
    paths = [each["pathPattern"] for each in distribution.inputs["orderedCacheBehaviors"]]
    assert paths[-2:] == ["/register", "/register/confirmation"]


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"registrationAnswers": "neutral", "websiteEnabled": "true"}, "mailSender"),
        ({"mailSender": "users@example.com"}, "registrationAnswers"),
        ({"confirmationPage": "https://app.example.com/"}, "registrationAnswers"),
        ({"registrationAnswers": "neutral", "mailSender": "users@example.com"}, "confirmationPage"),
        ({"registrationAnswers": "silent"}, "registrationAnswers"),
        *(
            (
                {"registrationAnswers": "neutral", "mailSender": "users@example.com", "confirmationPage": page},
                "confirmationPage",
            )
            for page in (
                "http://app.example.com/",
                "https://app.example.com",
                "https://a.example/#x",
                "javascript:alert(1)",
            )
        ),
    ],
)
def test_settings_that_do_not_fit_are_named(settings: dict[str, str], wrong: str) -> None:
    config = own_config("dev") | {f"userstream:{name}": value for name, value in settings.items()}
    with pytest.raises(SettingsError) as refused:
        load_settings("dev", config)
    assert [problem.key for problem in refused.value.problems] == [f"userstream:{wrong}"]
