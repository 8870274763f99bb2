"""Which failed records a command applies to: all, some by id, or those that match conditions."""

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from ops.aws.queues import EnvelopeStore
from ops.consumers import consumer_names
from ops.dead_letters.message import KINDS, DeadLetter
from ops.errors import NotFoundError, UnreadableRecordError, WrongUsageError

_FIELDS: dict[str, Callable[[DeadLetter], str | None]] = {
    "consumer": lambda letter: letter.consumer_name,
    "kind": lambda letter: letter.kind,
    "reason": lambda letter: letter.reason,
    "condition": lambda letter: letter.envelope.condition if letter.envelope else None,
    "user": lambda letter: letter.user_id,
    "event": lambda letter: letter.event_name,
    "shard": lambda letter: letter.envelope.shard_id if letter.envelope else None,
}

FIELD_NAMES = ", ".join(_FIELDS)

# A comma separates conditions only where another condition begins, because reasons contain commas.
_NEXT_CONDITION = re.compile(rf",(?=\s*(?:{'|'.join(_FIELDS)})\s*(?:!=|=|~))")
_CONDITION = re.compile(r"\s*(\w+)\s*(!=|=|~)\s*(.*?)\s*", re.DOTALL)


class Condition(NamedTuple):
    """One comparison: `kind=permanent`, `kind!=lost`, `reason~schemaVersion`."""

    field: str
    operator: str
    value: str

    def holds_for(self, letter: DeadLetter) -> bool:
        """Compare; a field that the message lacks equals no value."""
        found = _FIELDS[self.field](letter)
        if self.operator == "~":
            return found is not None and self.value.casefold() in found.casefold()
        return (found == self.value) is (self.operator == "=")


def parse_conditions(texts: Sequence[str]) -> tuple[Condition, ...]:
    """Parse `--where` options: conditions that must all hold, in one with commas or in several."""
    return tuple(_condition(part) for text in texts for part in _NEXT_CONDITION.split(text))


def _condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text)
    if not match or match[1] not in _FIELDS or not match[3]:
        raise WrongUsageError(
            f"--where {text!r} isn't a condition",
            f"write field=value, field!=value, or field~part (contains, whatever the case); fields: {FIELD_NAMES}",
        )
    condition = Condition(match[1], match[2], match[3])
    values = {"kind": KINDS, "consumer": consumer_names()}.get(condition.field)
    if values is not None and condition.operator != "~" and condition.value not in values:
        raise WrongUsageError(
            f"--where {text!r}: there is no {condition.field} {condition.value}",
            f"{condition.field}s: {', '.join(values)}",
        )
    return condition


def is_beginning(text: str, failure_id: str) -> bool:
    """Say whether the text begins an id, or what follows the consumer's name in it.

    The id of a consumer with a queue is `<consumer>.<eventId>` (functions/consumers/). A whole
    event id is the id of log_user_changes' failure alone.
    """
    event_id = failure_id.partition(".")[2]
    return failure_id.startswith(text) or (event_id.startswith(text) and event_id != text)


_EXCLUDING = "IDs, --where with --consumer, and --all exclude each other"


def _as_option(condition: Condition) -> str:
    if condition[:2] == ("consumer", "="):
        return f"--consumer {shlex.quote(condition.value)}"
    return f"--where {shlex.quote(''.join(condition))}"


@dataclass(frozen=True)
class Selection:
    """A selection of failed records; without ids and conditions, all of them."""

    ids: tuple[str, ...] = ()  # failure ids or prefixes of them
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        if "" in self.ids:  # a script's unset variable; it would match every id
            raise WrongUsageError("An ID is empty", "`dlq list` shows the ids")

    @classmethod
    def of(
        cls, ids: Sequence[str], where: Sequence[str], *, consumer: str | None = None, everything: bool
    ) -> "Selection":
        """Return the selection of a command's options, of which one kind may be given."""
        conditions = cls.matching(where, consumer).conditions
        if bool(ids) + bool(where or (consumer and not everything)) + everything != 1:
            raise WrongUsageError(
                "Which failed records?" if not (ids or where or everything) else _EXCLUDING,
                "name them by ID, or say --consumer NAME, or --where kind=permanent, or --all; "
                "`dlq list` shows what there is",
            )
        return cls(tuple(ids), conditions)

    @classmethod
    def matching(cls, where: Sequence[str], consumer: str | None) -> "Selection":
        """Return the selection of those that match; of all, if nothing is given."""
        of_consumer = () if consumer is None else (Condition("consumer", "=", consumer),)
        return cls(conditions=(*of_consumer, *parse_conditions(where)))

    @property
    def as_arguments(self) -> str:
        """The command-line arguments for this selection."""
        if self.ids:
            return "-- " * any(one.startswith("-") for one in self.ids) + shlex.join(self.ids)
        return " ".join(map(_as_option, self.conditions)) or "--all"

    def matches(self, letter: DeadLetter) -> bool:
        """Say whether the dead letter belongs to the selection."""
        if self.ids:
            return any(is_beginning(prefix, letter.failure_id) for prefix in self.ids)
        return all(condition.holds_for(letter) for condition in self.conditions)

    def matches_fetched(self, letter: DeadLetter, store: EnvelopeStore) -> bool:
        """Say the same, after reading the record from the store if a condition needs it."""
        if letter.event_name is None and any(condition.field == "event" for condition in self.conditions):
            with suppress(UnreadableRecordError):
                letter = letter.fetched(store)
        return self.matches(letter)

    def check_found(self, failure_ids: Iterable[str], queue: str, remark: str | None = None) -> None:
        """Raise an OpsError unless each id is of exactly one of the failures received."""
        found = frozenset(failure_ids)
        missing: list[str] = []
        for prefix in self.ids:
            matching = sorted(failure_id for failure_id in found if is_beginning(prefix, failure_id))
            if not matching:
                missing.append(prefix)
            elif len(matching) > 1:
                raise WrongUsageError(
                    f"{prefix!r} is the beginning of {len(matching)} ids: {', '.join(matching[:3])} ...",
                    "give more of the id" if prefix not in matching else "replay or discard the longer ones first",
                )
        if missing:
            raise NotFoundError(
                f"No message received so far from {queue} has the id {', '.join(missing)}; nothing was done"
                + (f". {remark}" if remark else ""),
                "`dlq list` shows the ids; a message in flight in another consumer becomes visible again later",
            )
