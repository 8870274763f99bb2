"""Transforms of what the program registers: mistakes that somebody could make."""

import pulumi

from guardrails.resource import EVENT_SOURCE_MAPPING, FUNCTION, INTEGRATION, LOG_GROUP, PERMISSION, TABLE
from infra.naming import LIVE_ALIAS

Args = pulumi.ResourceTransformArgs
Result = pulumi.ResourceTransformResult


def misspelt_variables(args: Args) -> Result | None:
    """A typo one level down, where the SDK checks no name."""
    if args.type_ != FUNCTION:
        return None
    return Result(props={**args.props, "environment": {"variabels": {}}}, opts=args.opts)


def no_role(args: Args) -> Result | None:
    """A required property that isn't set."""
    if args.type_ != FUNCTION:
        return None
    return Result(props={name: value for name, value in args.props.items() if name != "role"}, opts=args.opts)


def another_key(args: Args) -> Result | None:
    """A change that DynamoDB can't make in place."""
    if args.type_ != TABLE or args.name != "users":
        return None
    attributes = [{"name": "anotherId", "type": "S"}]
    return Result(props={**args.props, "hashKey": "anotherId", "attributes": attributes}, opts=args.opts)


def no_deletion_protection(args: Args) -> Result | None:
    """A table that DynamoDB may delete, whatever the settings say."""
    if args.type_ != TABLE:
        return None
    return Result(props={**args.props, "deletionProtectionEnabled": False}, opts=args.opts)


def old_access_log(args: Args) -> Result | None:
    """The access log as it was before its name began with `/aws/vendedlogs/`."""
    if args.type_ != LOG_GROUP or args.name != "access-log":
        return None
    environment = str(args.props["name"]).rpartition("userstream-")[2]
    args.opts.retain_on_delete, args.opts.ignore_changes = False, []
    return Result(props={**args.props, "name": f"/aws/apigateway/userstream-{environment}"}, opts=args.opts)


def past_the_alias(args: Args) -> Result | None:
    """Functions as they were when nothing named an alias."""
    changes: dict[str, dict[str, object]] = {
        FUNCTION: {"publish": None},
        EVENT_SOURCE_MAPPING: {"functionName": _unqualified(args.props.get("functionName"))},
        INTEGRATION: {"integrationUri": _unqualified(args.props.get("integrationUri"))},
        PERMISSION: {"qualifier": None},
    }
    if args.type_ not in changes:
        return None
    return Result(props={**args.props, **changes[args.type_]}, opts=args.opts)


def _unqualified(arn: object) -> pulumi.Output[str]:
    return pulumi.Output.from_input(arn).apply(lambda text: str(text).removesuffix(f":{LIVE_ALIAS}"))


def other_package(args: Args, *, function: str, path: str, sha256_base64: str) -> Result | None:
    """Another zip for one function."""
    if args.type_ != FUNCTION or args.name != function:
        return None
    code = {"code": pulumi.FileArchive(path), "sourceCodeHash": sha256_base64}
    return Result(props={**args.props, **code}, opts=args.opts)
