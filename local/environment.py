"""What the processes of a local stack may see of the user's shell."""

import os
from collections.abc import Mapping

_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "SYSTEMROOT")

_OURS = {
    # No profile, key or endpoint of the user's may reach the stack, nor the stack's calls the user's account.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    # As in Lambda, whatever this machine's zone and encoding are.
    "TZ": "UTC",
    "PYTHONUTF8": "1",
    # A log that is followed must not wait in a buffer.
    "PYTHONUNBUFFERED": "1",
}


def child_environment(environ: Mapping[str, str], **variables: str) -> dict[str, str]:
    """The environment of a process of the stack.

    Of the user's shell it has what a program needs to run at all. Left out, above all: `AWS_*` (the emulator would take
    AWS_ACCESS_KEY_ID for its root key, and functions inherit the rest), `PYTHONPATH` (a function must see its package
    alone), proxies (127.0.0.1 is no host of theirs), and `PULUMI_*`.

    Args:
        environ: the shell's environment.
        variables: what the process needs besides.
    """
    return {name: environ[name] for name in _KEPT if name in environ} | _OURS | variables


def shut_out_user_settings() -> None:
    """Make this process deaf to the user's AWS, Pulumi and proxy settings, since it talks to the emulator only."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "PULUMI_")) or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ.update({name: value for name, value in _OURS.items() if name.startswith("AWS_")})
