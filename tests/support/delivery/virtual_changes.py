"""Changes that a virtual stream is given, and what each of them is."""

from typing import Literal, NamedTuple

from delivery.records import StreamRecord
from functions.dead_letters.envelope import identify_record
from functions.runtime.json_log import JsonObject
from tests.support.records.record_strategies import stream_record

Nature = Literal["good", "unsupported", "crashing"]


class Written(NamedTuple):
    """A change to write."""

    user_id: str
    event_form: JsonObject
    nature: Nature


def small_change(position: int, user_id: str, nature: Nature) -> Written:
    """A change of a small user; `position` orders it in the stream."""
    image = {"userId": {"S": user_id}, "version": {"N": str(position + 1)}}
    if nature == "unsupported":
        image["schemaVersion"] = {"N": "2"}
    return Written(user_id, stream_record("INSERT", position, user_id, None, image), nature)


class Change(NamedTuple):
    """One change that was written, and what it is."""

    record: StreamRecord
    event_form: JsonObject
    user_id: str
    nature: Nature
    shard_id: str
    place: int
    """So many changes of the user came before."""

    @property
    def failure_id(self) -> str:
        """What names it in the dead-letter queue."""
        return identify_record(self.event_form).failure_id
