"""The commands that mend wrong settings: typed as printed, they leave all others as they are.

There may be several ways to mend a setting. They are listed here, the likeliest first; check.py
takes the first after which nothing else is wrong. Nothing is made up where a setting can be left
out: an invented address would be somebody's.
"""

import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from infra.partitions import regions
from infra.settings.constraints import Constraint
from infra.settings.model import NAMESPACE, REGION_KEY, StackSettings
from infra.settings.types import DEFAULT_PORTS, bounds, choices, origin, read_json, wrong_tags

FIELDS = {field.alias or name: field for name, field in StackSettings.model_fields.items()}
"""Name in the configuration, without our namespace, to field."""

_ORIGINS, _TAGS = "corsAllowedOrigins", "tags"
_EMPTY = {_ORIGINS: "[]", _TAGS: "{}"}

_SWITCHES = {
    **dict.fromkeys(("true", "yes", "y", "on", "1"), "true"),
    **dict.fromkeys(("false", "no", "n", "off", "0"), "false"),
}


class Mend(NamedTuple):
    """A command, and what it does."""

    alias: str
    value: object
    """The setting's value afterwards; None if it is unset then."""
    arguments: tuple[str, ...]
    """Of `pulumi config`."""

    def apply(self, values: Mapping[str, object]) -> dict[str, object]:
        """Return the settings, by alias, after the command."""
        rest = {alias: value for alias, value in values.items() if alias != self.alias}
        return rest if self.value is None else {**rest, self.alias: self.value}


def config_key(alias: str) -> str:
    """Return the full name of a setting in a configuration."""
    return alias if alias == REGION_KEY else f"{NAMESPACE}:{alias}"


def mends_of_value(alias: str, value: object, *, secret: bool) -> Iterator[Mend]:
    """Yield what makes a setting right that is wrong by itself, or missing: value None.

    A secret value is in none of them.
    """
    if value is not None and not secret:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        if alias == _ORIGINS and (corrected := _corrected_origin(text)):
            yield Mend(alias, [corrected], ("set", "--path", f"{config_key(alias)}[0]", corrected))
        yield from (_set(alias, near) for near in _near(alias, text))
    if value is not None and not FIELDS[alias].is_required():
        yield _unset(alias)
    yield from _any_value(alias)


def mends_of_entries(alias: str, value: object) -> list[Mend]:
    """Return a mend for each wrong entry of a list or map; they work in this order.

    Empty if the setting isn't a list or map of entries.
    """
    try:
        entries = read_json(value)
    except ValueError:
        return []
    if alias == _TAGS and isinstance(entries, dict):
        return list(_mends_of_tags(cast("dict[str, object]", entries)))
    if alias == _ORIGINS and isinstance(entries, list):
        return list(_mends_of_origins(cast("list[object]", entries)))
    return []


def mends_of_constraint(constraint: Constraint, settings: StackSettings) -> Iterator[Mend]:
    """Yield what makes two settings fit that don't."""
    values = settings.model_dump(by_alias=True)
    pair = (constraint.setting, constraint.other)
    unset = [_unset(alias) for alias in pair if values[alias] is not None and not FIELDS[alias].is_required()]
    if isinstance(values[constraint.setting], str) and not choices(FIELDS[constraint.setting]):
        yield from unset  # rather than another domain or certificate, which would be made up
    yield _set(constraint.setting, str(constraint.fix(settings)))
    yield from unset
    for alias in pair:
        yield from _any_value(alias)


def _set(alias: str, text: str) -> Mend:
    return Mend(alias, text, ("set", config_key(alias), text))


def _unset(alias: str) -> Mend:
    return Mend(alias, None, ("rm", config_key(alias)))


def _near(alias: str, text: str) -> Iterator[str]:
    """Yield what a wrong value may have been meant to be; not all of it is sure to be right."""
    plain = text.strip()
    limits, allowed = bounds(FIELDS[alias]), [str(choice) for choice in choices(FIELDS[alias])]
    number = _number(plain)
    if limits:
        if number is not None:
            yield str(min(max(number, limits[0]), limits[1]))
    elif allowed and all(choice.isdigit() for choice in allowed):
        if number is not None:
            yield min(allowed, key=lambda choice: abs(int(choice) - number))
    elif allowed == ["true", "false"]:
        yield from [_SWITCHES[plain.lower()]] if plain.lower() in _SWITCHES else []
    elif allowed or alias == REGION_KEY:
        yield from difflib.get_close_matches(plain.lower(), allowed or regions(), n=1)
        yield from (choice for choice in allowed if plain and plain.lower() in choice)
    elif alias not in _EMPTY:
        bare = re.sub(r"^[a-z]+://", "", plain.lower()).rstrip("./")
        yield from (one for one in (plain, plain.lower(), bare) if one not in ("", text))


def _number(text: str) -> int | None:
    try:
        number = float(text)
    except ValueError:
        return None
    if math.isnan(number):
        return None
    return round(math.copysign(min(abs(number), 1e18), number))


def _any_value(alias: str) -> Iterator[Mend]:
    """Yield right values, whatever the wrong one was: a small environment's before others."""
    if alias in _EMPTY:
        yield _set(alias, _EMPTY[alias])
        return
    field = FIELDS[alias]
    texts = [str((field.examples or [""])[0]), *(str(choice) for choice in choices(field))]
    if limits := bounds(field):
        least, most = limits
        texts += [
            str(number) for number in (least, most, *(2**power for power in range(32))) if least <= number <= most
        ]
    yield from (_set(alias, text) for text in dict.fromkeys(texts))


def _mends_of_tags(tags: dict[str, object]) -> Iterator[Mend]:
    left = dict(tags)
    for key in wrong_tags(tags):
        value = left.pop(key)
        text = value if isinstance(value, str) else json.dumps(value)
        if isinstance(value, int | float) and not wrong_tags({**left, key: text}):
            left = {**left, key: text}
            yield Mend(_TAGS, left, ("set", "--path", "--type", "string", _path(key), text))
        elif key.isprintable() and "\\" not in key:
            yield Mend(_TAGS, left, ("rm", "--path", _path(key)))
        else:  # no path can name it
            yield Mend(_TAGS, left, ("set", config_key(_TAGS), json.dumps(left)))


def _path(tag: str) -> str:
    """Return the path of a tag, for `--path`."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", tag):
        return f"{config_key(_TAGS)}.{tag}"
    escaped = tag.replace('"', '\\"')
    return f'{config_key(_TAGS)}["{escaped}"]'


def _mends_of_origins(origins: list[object]) -> Iterator[Mend]:
    left = list(origins)
    # From the end, because an entry's removal moves those behind it.
    for index in reversed(range(len(origins))):
        if _is_origin(origins[index]):
            continue
        path = f"{config_key(_ORIGINS)}[{index}]"
        corrected = _corrected_origin(origins[index])
        if corrected is None or corrected in left:
            left = left[:index] + left[index + 1 :]
            yield Mend(_ORIGINS, left, ("rm", "--path", path))
        else:
            left = [*left[:index], corrected, *left[index + 1 :]]
            yield Mend(_ORIGINS, left, ("set", "--path", path, corrected))


def _is_origin(entry: object) -> bool:
    try:
        origin(entry)
    except ValueError:
        return False
    return True


def _corrected_origin(entry: object) -> str | None:
    """Return the origin of an address as browsers send it; None if it has none."""
    if not isinstance(entry, str):
        return None
    try:
        parts = urlsplit(entry.strip().lower())
        port = "" if parts.port is None or str(parts.port) == DEFAULT_PORTS.get(parts.scheme) else f":{parts.port}"
        corrected = f"{parts.scheme}://{parts.hostname}{port}"
        return corrected if "@" not in parts.netloc and origin(corrected) else None
    except ValueError:
        return None
