"""What `pulumi config set` and `pulumi config rm` do to a stack's configuration."""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any, cast

Json = Any

_SEGMENT = re.compile(r'\.([A-Za-z_][A-Za-z0-9_]*)|\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]')


def after_command(line: str, config: Mapping[str, str]) -> dict[str, str]:
    """Return a configuration, full key to text, after a printed command.

    `--path` reaches into lists and maps, which are JSON. tests/engine/test_settings_commands.py
    holds this to the real CLI.
    """
    words = shlex.split(line)
    assert words[:2] == ["pulumi", "config"], line
    verb, words = words[2], words[3:]
    stack = words.index("--stack")
    words = [word for word in words[:stack] + words[stack + 2 :] if word != "--"]
    by_path, as_text = "--path" in words, "--type" in words
    words = [word for word in words if word not in ("--path", "--type", "string")]
    changed = dict(config)
    if verb == "rm" and not by_path:
        changed.pop(words[0], None)
    elif verb == "set" and not by_path:
        changed[words[0]] = words[1]
    else:
        key, steps = _parsed(words[0])
        try:
            value = json.loads(changed.get(key, "null"))
        except ValueError:
            value = None  # text is replaced by the list or map
        changed[key] = json.dumps(_without(value, steps) if verb == "rm" else _with(value, steps, words[1], as_text))
    return changed


def _parsed(path: str) -> tuple[str, list[str | int]]:
    key = re.split(r"[.\[]", path, maxsplit=1)[0]
    rest = path[len(key) :]
    steps: list[str | int] = []
    while rest:
        match = _SEGMENT.match(rest)
        assert match, path
        name, quoted, index = match.groups()
        steps.append(int(index) if index else name or quoted.replace('\\"', '"'))
        rest = rest[match.end() :]
    return key, steps


def _without(value: Json, steps: list[str | int]) -> Json:
    (step,) = steps
    if isinstance(step, int):
        return value[:step] + value[step + 1 :]
    return {name: each for name, each in value.items() if name != step}


def _with(value: Json, steps: list[str | int], text: str, as_text: bool) -> Json:  # noqa: FBT001  an option
    (step,) = steps
    if as_text:
        new: Json = text
    elif text in ("true", "false"):
        new = text == "true"
    else:
        new = int(text) if re.fullmatch(r"0|-?[1-9][0-9]*", text) else text
    if isinstance(step, int):
        entries = cast("list[Json]", value if isinstance(value, list) else [])
        assert step <= len(entries), "array index out of range"
        return [*entries[:step], new, *entries[step + 1 :]]
    named = cast("dict[str, Json]", value if isinstance(value, dict) else {})
    return {**named, step: new}
