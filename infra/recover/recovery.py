"""The steps of the command, in the order in which being killed between any two does no harm."""

import time
from collections.abc import Sequence

from infra.recover import state
from infra.recover.lookups import Aws, UnknowableError, find, leaves_to_up, wait_until_usable
from infra.recover.pulumi_cli import PulumiCli
from infra.recover.state import Found, PendingCreate

_POLL_SECONDS = 1.0


def recover(cli: PulumiCli, aws: Aws, *, patience_seconds: float) -> None:
    """Add to the state what exists, and remove the lock and the pending operations.

    Raises:
        RecoverError: somebody else holds the lock, a resource is somebody else's, or the CLI fails.
        ClientError, BotoCoreError: AWS refuses a look-up; nothing has changed.
    """
    export = cli.export()
    if not state.pending_operations(export):
        # Written as it is, which needs the lock and so removes one that is left over.
        cli.write_state(export)
        cli.say(f"Stack '{cli.stack}' has no pending operations: nothing to recover.")
        return
    begun = state.pending_creates(export)
    found = _look_for(begun, cli, aws, patience_seconds)
    for each in found:
        cli.say(f"{each.pending.label}: exists as {each.id}")
    if importing := state.to_import(export, found):
        wait_until_usable(aws, importing)
        cli.import_resources(state.import_file(importing))
    cli.write_state(state.without_pending_operations(cli.export(), found))
    cli.say(
        f"Added to the state: {len(importing)}. The pending operations are removed. Now run `pulumi up -s {cli.stack}`."
    )


def _look_for(begun: Sequence[PendingCreate], cli: PulumiCli, aws: Aws, patience_seconds: float) -> list[Found]:
    """Ask AWS for each resource, again for those that a plugin may still be creating."""
    deadline = time.monotonic() + patience_seconds
    found: dict[str, Found] = {}
    missing = list(begun)
    while missing:
        later: list[PendingCreate] = []
        for pending in missing:
            try:
                one = None if leaves_to_up(pending.type) else find(aws, pending)
            except UnknowableError as error:
                cli.say(f"{pending.label}: {error}; left to `pulumi up`")
                continue
            if one is not None:
                found[pending.urn] = one
            elif leaves_to_up(pending.type):
                cli.say(f"{pending.label}: {leaves_to_up(pending.type)}; left to `pulumi up`")
            else:
                later.append(pending)
        missing = later
        if not missing or time.monotonic() >= deadline:
            break
        time.sleep(_POLL_SECONDS)
    for pending in missing:
        cli.say(f"{pending.label}: doesn't exist; left to `pulumi up`")
    return [found[pending.urn] for pending in begun if pending.urn in found]
