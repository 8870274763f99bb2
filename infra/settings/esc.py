"""The configuration of a stack whose file imports environments of Pulumi ESC.

The file then has a part of the values only; Pulumi Cloud has the rest. The CLI merges them, or
somebody hands over what it said in a file beside the stack's.
"""

import json
import shutil
import subprocess
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from infra.naming import PROJECT_ROOT

_BUILT_CLI = PROJECT_ROOT / ".engine" / "bin" / "pulumi"
_SECONDS = 60.0


class MergedConfigError(Exception):
    """Nobody gave the merged values; the message says what to type."""


class _Value(BaseModel):
    """A value as `pulumi config --json` prints it; `value` is missing in a secret."""

    value: str | None = None
    secret: bool


_VALUES = TypeAdapter(dict[str, _Value])


def merged_config(stack: str, directory: Path) -> dict[str, str]:
    """Return the configuration of a stack as the CLI merges it, without secrets.

    Args:
        stack: its name; `Pulumi.<stack>.yaml` is in the directory.
        directory: `Pulumi.<stack>.esc.json`, what `pulumi config --json --open` printed, is read
            there. Without it the CLI is asked, which has to be logged in to Pulumi Cloud.

    Returns:
        Full key to text; lists and maps as JSON.

    Raises:
        MergedConfigError: there is no such file and the CLI refuses, or what they say is no
            configuration.
    """
    handed_over = directory / f"Pulumi.{stack}.esc.json"
    ask = f"pulumi config --json --open --stack {stack}"
    if handed_over.exists():
        source, text = handed_over.name, handed_over.read_text(encoding="utf-8")
    else:
        source, text = f"`{ask}`", _asked(ask.split(), directory, f"{ask} > {handed_over.name}")
    try:
        values = _VALUES.validate_json(text)
    except ValidationError as error:
        raise MergedConfigError(f"{source} is not what `{ask}` prints: {error.errors()[0]['msg']}") from None
    return {key: each.value for key, each in values.items() if each.value is not None and not each.secret}


def _asked(command: list[str], directory: Path, hand_over: str) -> str:
    """Return what the CLI prints."""
    cli = shutil.which("pulumi") or (str(_BUILT_CLI) if _BUILT_CLI.exists() else None)
    advice = f"Log in with `pulumi login`, or where somebody is logged in type `{hand_over}` and put the file here"
    if cli is None:
        raise MergedConfigError(f"there is no pulumi on PATH to ask for them. {advice}")
    try:
        asked = subprocess.run(
            [cli, *command[1:], "--non-interactive"],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MergedConfigError(f"the CLI doesn't answer: {error}. {advice}") from None
    if asked.returncode != 0:
        raise MergedConfigError(f"the CLI says {json.dumps(asked.stderr.strip())}. {advice}")
    return asked.stdout
