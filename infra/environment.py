"""The environment that every component is built in: its name, its account and its settings."""

from dataclasses import dataclass

import pulumi

from infra import naming
from infra.settings.model import StackSettings

EMULATOR_ACCOUNT_ID = "000000000000"
"""The account of a stack on this machine's emulator. No account of AWS has this number."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One environment in one region of one account: one stack.

    Attributes:
        name: part of every physical name; the stack's name, unless a setting has another.
        account_id: the AWS account's number.
        settings: the stack's settings.
    """

    name: str
    account_id: pulumi.Input[str]
    settings: StackSettings

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags of every resource that takes tags."""
        own = {"project": naming.PROJECT, "environment": self.name, "managedBy": "pulumi"}
        return {**self.settings.tags, **own}

    @property
    def protect(self) -> bool:
        """Whether Pulumi refuses to delete or replace what can't be made again.

        That is tables, queues and buckets, and the addresses of the API and the page.
        """
        return self.settings.protect_resources

    def physical_name(self, base: str) -> str:
        """Return the name of what exists once per region, for example `Users-dev`."""
        return naming.physical_name(base, self.name)

    def global_name(self, base: str) -> str:
        """Return the name of what exists once per account; infra/naming.py lists what does.

        Stacks from before the names had regions keep theirs, so that nothing is replaced: pass
        `ignore_changes` with the property that this name is for.
        """
        return naming.global_name(base, self.name, self.settings.region)
