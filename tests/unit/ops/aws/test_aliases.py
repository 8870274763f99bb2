"""The alias as Lambda's API has it, at the wire."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.session import Session
from botocore.stub import Stubber

from ops.aws.aliases import Alias, Aliases, ChangedMeanwhileError
from ops.aws.release_record import Record, Step
from ops.errors import DeniedError, NotFoundError

FUNCTION = "LogUserChangesFunction-dev"
RELEASE = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = Record(RELEASE, Step.SHIFTING, "5")


@pytest.fixture
def client() -> Any:
    return Session().create_client(
        "lambda", region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none"
    )


def alias() -> Alias:
    return Alias(function=FUNCTION, version="4", shares={}, record=None, revision="r1", read_at=RELEASE)


def test_an_alias_is_read_with_its_shares_its_record_and_lambda_s_clock(client: Any) -> None:
    answer = {
        "FunctionVersion": "4",
        "RoutingConfig": {"AdditionalVersionWeights": {"5": 0.1}},
        "Description": '{"release":"2026-01-01T00:00:00Z","shifting":"5"}',
        "RevisionId": "r1",
        "ResponseMetadata": {"HTTPHeaders": {"date": "Thu, 01 Jan 2026 00:02:03 GMT"}},
    }
    with Stubber(client) as stub:
        stub.add_response("get_alias", answer, {"FunctionName": FUNCTION, "Name": "live"})

        found = Aliases(client).read(FUNCTION)

    assert (found.version, found.shares, found.record, found.revision) == ("4", {"5": 0.1}, RECORD, "r1")
    assert found.read_at == datetime(2026, 1, 1, 0, 2, 3, tzinfo=UTC)


def test_a_change_names_the_revision_that_was_read_and_carries_its_record(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_response(
            "update_alias",
            {},
            {
                "FunctionName": FUNCTION,
                "Name": "live",
                "FunctionVersion": "4",
                "RoutingConfig": {"AdditionalVersionWeights": {"5": 0.1}},
                "Description": '{"release":"2026-01-01T00:00:00Z","shifting":"5"}',
                "RevisionId": "r1",
            },
        )

        Aliases(client).update(alias(), "4", {"5": 0.1}, RECORD)

        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("PreconditionFailedException", ChangedMeanwhileError),
        ("AccessDeniedException", DeniedError),
        ("ResourceNotFoundException", NotFoundError),
    ],
)
def test_a_refused_change_says_why(client: Any, code: str, error: type[Exception]) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("update_alias", code, "no")

        with pytest.raises(error):
            Aliases(client).update(alias(), "5", {}, RECORD)


def test_versions_are_sorted_as_numbers_and_without_latest(client: Any) -> None:
    with Stubber(client) as stub:
        versions = [{"Version": each} for each in ("$LATEST", "9", "10", "2")]
        stub.add_response("list_versions_by_function", {"Versions": versions}, {"FunctionName": FUNCTION})

        assert Aliases(client).versions(FUNCTION) == ["2", "9", "10"]
