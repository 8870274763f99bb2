"""`aws SERVICE OPERATION --option value ...` by botocore's models, as the AWS CLI does.

The emulator keeps no past: it restores a table as it is now. A test that makes a backup at the
moment of the restore's date gets that one restored, as AWS restores the moment.
"""

import sys
from datetime import datetime
from typing import Any, cast

import boto3


def main(arguments: list[str]) -> None:
    """Run one command, or `aws SERVICE wait CONDITION`."""
    service, operation, *rest = arguments
    client: Any = cast("Any", boto3).client(service)
    condition = rest.pop(0) if operation == "wait" else None
    options = dict(zip(rest[::2], rest[1::2], strict=True))
    parameters = {_camel(option.removeprefix("--")): value for option, value in options.items()}
    if operation == "restore-table-to-point-in-time" and (backup := _backup_of(client, parameters)):
        client.restore_table_from_backup(TargetTableName=parameters["TargetTableName"], BackupArn=backup)
    elif condition is None:
        getattr(client, operation.replace("-", "_"))(**parameters)
    else:
        client.get_waiter(condition.replace("-", "_")).wait(**parameters, WaiterConfig={"Delay": 1})


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
