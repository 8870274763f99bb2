"""`aws SERVICE OPERATION --option value ...` by botocore's models, as the AWS CLI does.

The emulator keeps no past: it restores a table as it is now. A test that makes a backup at the
moment of the restore's date gets that one restored, as AWS restores the moment.
"""

import sys
from datetime import datetime
from typing import Any, cast

import boto3
import jmespath

COMMAND_LINE_ONLY = frozenset({"query", "output", "region"})


def main(arguments: list[str]) -> None:
    """Run one command, `aws SERVICE wait CONDITION`, or `aws s3 mb s3://BUCKET`.

    `--query PATH --output text` prints one text of the answer.
    """
    service, operation, *rest = arguments
    condition = rest.pop(0) if operation == "wait" else None
    bucket = rest.pop(0).removeprefix("s3://") if (service, operation) == ("s3", "mb") else None
    options = _options(rest)
    client: Any = cast("Any", boto3).client(service, region_name=next(iter(options.get("region", ())), None))
    if bucket is not None:
        where = {"LocationConstraint": client.meta.region_name}
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        return
    parameters = {} if condition else _parameters(client, operation, options)
    if operation == "restore-table-to-point-in-time" and (backup := _backup_of(client, parameters)):
        client.restore_table_from_backup(TargetTableName=parameters["TargetTableName"], BackupArn=backup)
    elif condition is None:
        answer = getattr(client, operation.replace("-", "_"))(**parameters)
        for path in options.get("query", ()):
            sys.stdout.write(f"{cast('Any', jmespath).search(path, answer)}\n")
    else:
        waited = {_camel(name): value for name, (value,) in options.items()}
        client.get_waiter(condition.replace("-", "_")).wait(**waited, WaiterConfig={"Delay": 1})


def _options(words: list[str]) -> dict[str, list[str]]:
    """Return each option's values by its name without dashes; none of a switch."""
    options: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            options[word.removeprefix("--")] = []
        else:
            options[list(options)[-1]].append(word)
    return options


def _parameters(client: Any, operation: str, options: dict[str, list[str]]) -> dict[str, Any]:
    api_name = client.meta.method_to_api_mapping[operation.replace("-", "_")]
    shape = client.meta.service_model.operation_model(api_name).input_shape
    members: dict[str, Any] = shape.members if shape else {}
    parameters: dict[str, Any] = {}
    for name in options.keys() - COMMAND_LINE_ONLY:
        # An operation's members begin with any case, and end in ID, Id or ARN.
        (member,) = (each for each in members if each.lower() == name.replace("-", "").lower())
        values = options[name]
        many = members[member].type_name == "list"
        parameters[member] = values if many else (values[0] if values else True)
    return parameters


def _backup_of(client: Any, parameters: dict[str, str]) -> str | None:
    """Return the last backup of the source table from the restore's date or before."""
    moment = datetime.fromisoformat(parameters["RestoreDateTime"])
    backups = client.list_backups(TableName=parameters["SourceTableName"])["BackupSummaries"]
    found = [each for each in backups if each["BackupCreationDateTime"].timestamp() < moment.timestamp() + 1]
    return max(found, key=lambda each: each["BackupCreationDateTime"])["BackupArn"] if found else None


def _camel(option: str) -> str:
    return "".join(word.capitalize() for word in option.split("-"))


if __name__ == "__main__":
    main(sys.argv[1:])
