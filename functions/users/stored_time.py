"""A time as users' items have it: ours in ISO 8601, imported ones also in other usual forms.

| stored, as text or as a number            | read as                                  |
| ----------------------------------------- | ---------------------------------------- |
| `2024-03-15T10:30:00+02:00`, `2024-03-15` | ISO 8601; without an offset in UTC       |
| `20240315`, `20240315103000`              | that day, and that second, in UTC        |
| another number                            | since 1970, in the unit that its size is |

Seconds, milliseconds, microseconds and nanoseconds of our time differ by a factor of a thousand, so
a number's size tells its unit.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

# From the lowest number that has the unit to the first that hasn't, and its units in a second.
# Between are numbers of the form 20240315103000.
_UNITS = ((0, 10**11, 1), (10**11, 10**13, 10**3), (10**14, 10**16, 10**6), (10**17, 10**19, 10**9))
_NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{0,40})?([eE][+-]?\d{1,3})?", re.ASCII)
_CALENDAR = re.compile(r"(\d{8})(\d{6})?", re.ASCII)


def stored_time(value: Mapping[str, Any] | None) -> datetime | None:
    """Return an attribute, typed as DynamoDB has it, as a time in UTC; None if it is none.

    Years are 1 to 9999; whoever needs a plausible time looks for it.
    """
    content = (value or {}).get("S", (value or {}).get("N"))
    text = content.strip() if isinstance(content, str) else ""
    try:
        if calendar := _CALENDAR.fullmatch(text):
            return _iso("T".join(filter(None, calendar.groups())))
        if _NUMBER.fullmatch(text):
            return _since_1970(Decimal(text))
        # In `2024031511030Z` fromisoformat would take the ninth digit for a separator.
        return None if text[:9].isdigit() else _iso(text)
    except (ValueError, OverflowError):
        return None


def _iso(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _since_1970(number: Decimal) -> datetime | None:
    size = abs(number)
    units = next((units for least, beyond, units in _UNITS if least <= size < beyond), None)
    return None if units is None else datetime.fromtimestamp(float(number / units), UTC)
