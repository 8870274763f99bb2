"""The environment variables of a function, read with an answer for whoever forgot one."""

import os


class SettingError(RuntimeError):
    """An environment variable of the function is missing or unreadable; the message says which and who sets it."""


def read_text(name: str) -> str:
    """Return the variable's text.

    Raises:
        SettingError: It isn't set, or empty.
    """
    value = os.environ.get(name)
    if not value:
        raise SettingError(f"environment variable {name} isn't set: the Pulumi program sets it, so deploy it again")
    return value


def read_flag(name: str) -> bool:
    """Return whether the variable is "true".

    Raises:
        SettingError: It is neither "true" nor "false".
    """
    value = read_text(name)
    if value not in ("true", "false"):
        raise SettingError(f"environment variable {name} must be true or false, not {value!r}")
    return value == "true"


def read_positive_integer(name: str) -> int:
    """Return the variable's number.

    Raises:
        SettingError: It is no whole number above 0.
    """
    value = read_text(name)
    if not (value.isascii() and value.isdecimal() and int(value) > 0):
        raise SettingError(f"environment variable {name} must be a whole number above 0, not {value!r}")
    return int(value)
