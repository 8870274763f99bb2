"""`aws SERVICE OPERATION --option value ...` by botocore's models, as the AWS CLI does."""

import sys
from typing import Any, cast

import boto3


def main(arguments: list[str]) -> None:
    """Run one command, or `aws SERVICE wait CONDITION`."""
    service, operation, *rest = arguments
    client: Any = cast("Any", boto3).client(service)
    condition = rest.pop(0) if operation == "wait" else None
    options = dict(zip(rest[::2], rest[1::2], strict=True))
    parameters = {_camel(option.removeprefix("--")): value for option, value in options.items()}
    if condition is None:
        getattr(client, operation.replace("-", "_"))(**parameters)
    else:
        client.get_waiter(condition.replace("-", "_")).wait(**parameters, WaiterConfig={"Delay": 1})


def _camel(option: str) -> str:
    return "".join(word.capitalize() for word in option.split("-"))


if __name__ == "__main__":
    main(sys.argv[1:])
