"""Publishes a function as it is now, and makes that version live."""

import time
from typing import TYPE_CHECKING

from infra.naming import LIVE_ALIAS

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

_READY_PAUSE_SECONDS = 0.025
_READY_ATTEMPTS = 1200


class NotReadyError(Exception):
    """A function takes no invocations and no changes; the message says why."""


def make_live(lambda_: "LambdaClient", function_name: str) -> str:
    """Publish a function and let its alias answer with that version alone; return the version.

    Of the older versions the last live one stays, to go back to: the emulator keeps a process for
    each that was ever invoked.
    """
    wait_until_ready(lambda_, function_name)
    version = lambda_.publish_version(FunctionName=function_name)["Version"]
    before = lambda_.get_alias(FunctionName=function_name, Name=LIVE_ALIAS)["FunctionVersion"]
    lambda_.update_alias(
        FunctionName=function_name,
        Name=LIVE_ALIAS,
        FunctionVersion=version,
        Description="",
        RoutingConfig={"AdditionalVersionWeights": {}},
    )
    for page in lambda_.get_paginator("list_versions_by_function").paginate(FunctionName=function_name):
        for each in page["Versions"]:
            if each.get("Version") not in {"$LATEST", before, version}:
                lambda_.delete_function(FunctionName=function_name, Qualifier=each.get("Version", ""))
    return version


def wait_until_ready(lambda_: "LambdaClient", function_name: str) -> None:
    """Return when a function takes invocations and changes, or raise NotReadyError.

    boto3's waiters poll once a second, which adds up.
    """
    for _ in range(_READY_ATTEMPTS):
        configuration = lambda_.get_function_configuration(FunctionName=function_name)
        states = {configuration.get("State", "Active"), configuration.get("LastUpdateStatus", "Successful")}
        if states == {"Active", "Successful"}:
            return
        if "Failed" in states:
            reason = configuration.get("LastUpdateStatusReason") or configuration.get("StateReason", "")
            raise NotReadyError(f"function {function_name} failed: {reason}")
        time.sleep(_READY_PAUSE_SECONDS)
    raise NotReadyError(f"function {function_name} is not ready after {_READY_ATTEMPTS * _READY_PAUSE_SECONDS:.0f} s")
