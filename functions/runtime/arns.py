"""ARNs of the stack's own resources: all are in one partition, region and account.

Form: IAM user guide, "Identify AWS resources with Amazon Resource Names (ARNs)".
"""


def neighbour_arn(arn: str, service: str, resource: str) -> str:
    """Return the ARN of a resource that is in the region and account of another one.

    Args:
        arn: the other one's.
        service: as ARNs name it, such as `sqs`.
        resource: what follows the account, such as a queue's name.

    Raises:
        ValueError: The text is no ARN.
    """
    _, partition, _, region, account, _ = arn.split(":", 5)
    return f"arn:{partition}:{service}:{region}:{account}:{resource}"


def account_of(arn: str) -> str:
    """Return the account in an ARN; raise a `ValueError` if the text is none."""
    _, _, _, _, account, _ = arn.split(":", 5)
    return account


def streams_of(arn: str, table: str) -> str:
    """Return how the ARN of each stream of a table begins, beside a resource of the stack.

    What follows is a label: a stream that is made again has another one. Raise a `ValueError` if
    the text is no ARN.
    """
    return neighbour_arn(arn, "dynamodb", f"table/{table}/stream/")
