"""Which failed records a command is about: all, some by id, or those that match conditions."""

import re
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from ops.dead_letters.message import KINDS, DeadLetter, EnvelopeStore
from ops.errors import NotFoundError, WrongUsageError

_FIELDS: dict[str, Callable[[DeadLetter], str | None]] = {
    "kind": lambda letter: letter.kind,
    "reason": lambda letter: letter.reason,
    "condition": lambda letter: letter.envelope.condition if letter.envelope else None,
    "user": lambda letter: letter.user_id,
    "event": lambda letter: letter.event_name,
    "shard": lambda letter: letter.envelope.shard_id if letter.envelope else None,
}

FIELD_NAMES = ", ".join(_FIELDS)

# A comma separates conditions only where another one begins, so that a reason may contain commas.
_NEXT_CONDITION = re.compile(rf",(?=\s*(?:{'|'.join(_FIELDS)})\s*(?:!=|=|~))")
_CONDITION = re.compile(r"\s*(\w+)\s*(!=|=|~)\s*(.*?)\s*", re.DOTALL)


class Condition(NamedTuple):
    """One comparison: `kind=permanent`, `kind!=lost`, `reason~schemaVersion`."""

    field: str
    operator: str
    value: str

    def holds_for(self, letter: DeadLetter) -> bool:
        """Compare; what a message doesn't say equals nothing."""
        found = _FIELDS[self.field](letter)
        if self.operator == "~":
            return found is not None and self.value.casefold() in found.casefold()
        return (found == self.value) is (self.operator == "=")


def parse_conditions(texts: Sequence[str]) -> tuple[Condition, ...]:
    """Read `--where` options; several, or several in one separated by commas, must all hold.

    Raises:
        WrongUsageError: A condition isn't `field=value`, `field!=value` or `field~part`, or names a field or a kind
            that doesn't exist.
    """
    return tuple(_condition(part) for text in texts for part in _NEXT_CONDITION.split(text))


def _condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text)
    if not match or match[1] not in _FIELDS or not match[3]:
        raise WrongUsageError(
            f"--where {text!r} isn't a condition",
            f"write field=value, field!=value, or field~part (contains, whatever the case); fields: {FIELD_NAMES}",
        )
    condition = Condition(match[1], match[2], match[3])
    if condition.field == "kind" and condition.operator != "~" and condition.value not in KINDS:
        raise WrongUsageError(f"--where {text!r}: there is no kind {condition.value}", f"kinds: {', '.join(KINDS)}")
    return condition


@dataclass(frozen=True)
class Selection:
    """A choice among failed records.

    Raises:
        WrongUsageError: An id is empty, as the variable of a script may be.
    """

    ids: tuple[str, ...] = ()
    """Failure ids, or the beginnings of them."""
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an id that every failure's begins with."""
        if "" in self.ids:
            raise WrongUsageError("An ID is empty", "`dlq list` shows the ids")

    @classmethod
    def of(cls, ids: Sequence[str], where: Sequence[str], *, everything: bool) -> "Selection":
        """Make the choice that the options say.

        Raises:
            WrongUsageError: No choice at all, or two that exclude each other.
        """
        if bool(ids) + bool(where) + everything != 1:
            raise WrongUsageError(
                "Which failed records?"
                if not (ids or where or everything)
                else "IDs, --where and --all exclude each other",
                "name them by ID, or say --where kind=permanent, or --all; `dlq list` shows what there is",
            )
        return cls(tuple(ids), parse_conditions(where))

    @property
    def words(self) -> str:
        """What to type for this choice."""
        conditions = (shlex.quote("".join(condition)) for condition in self.conditions)
        return shlex.join(self.ids) or " ".join(f"--where {condition}" for condition in conditions) or "--all"

    def holds_for(self, letter: DeadLetter) -> bool:
        """Say whether the message belongs to the choice."""
        if self.ids:
            return any(letter.failure_id.startswith(wanted) for wanted in self.ids)
        return all(condition.holds_for(letter) for condition in self.conditions)

    def chooses(self, letter: DeadLetter, store: EnvelopeStore) -> bool:
        """Say the same of a message whose record may lie in S3: it is fetched where a condition is about it.

        Raises:
            OpsError: S3 is out of reach.
        """
        if letter.event_name is None and any(condition.field == "event" for condition in self.conditions):
            with suppress(NotFoundError):
                letter = letter.fetched(store)
        return self.holds_for(letter)

    def missing(self, found: frozenset[str]) -> list[str]:
        """Return the ids that no message answered to, and refuse ambiguous ones.

        Raises:
            WrongUsageError: The beginning of an id fits several failures.
        """
        missing: list[str] = []
        for wanted in self.ids:
            fitting = sorted(failure_id for failure_id in found if failure_id.startswith(wanted))
            if not fitting:
                missing.append(wanted)
            elif wanted not in fitting and len(fitting) > 1:
                raise WrongUsageError(
                    f"{wanted!r} is the beginning of {len(fitting)} ids: {', '.join(fitting[:3])} ...",
                    "give more of the id",
                )
        return missing
