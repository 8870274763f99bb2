import click
import pytest
from click.testing import CliRunner

from local.engine.cli import config_option


@click.command()
@config_option
def show(config: dict[str, str]) -> None:
    for key, value in config.items():
        click.echo(f"{key} is {value}")


@pytest.mark.parametrize("key", ["streamBatchSize", "userstream:streamBatchSize"])
def test_a_setting_has_one_name_with_or_without_its_namespace(key: str) -> None:
    assert CliRunner().invoke(show, ["--config", f"{key}=10"]).output == "userstream:streamBatchSize is 10\n"


def test_a_value_may_contain_an_equals_sign_and_other_namespaces_are_kept() -> None:
    output = (
        CliRunner().invoke(show, ["--config", "aws:region=eu-west-1", "--config", "alarmEmail=a=b@example.com"]).output
    )

    assert output == "aws:region is eu-west-1\nuserstream:alarmEmail is a=b@example.com\n"


def test_an_argument_without_an_equals_sign_is_refused_with_an_example() -> None:
    assert "as in userstream:streamBatchSize=10" in CliRunner().invoke(show, ["--config", "streamBatchSize"]).output
