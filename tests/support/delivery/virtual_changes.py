"""Changes to write into a virtual stream."""

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
    """Return a change of a small user; `position` orders it in the stream."""
    image = {"userId": {"S": user_id}, "version": {"N": str(position + 1)}}
    if nature == "unsupported":
        image["schemaVersion"] = {"N": "2"}
    return Written(user_id, stream_record("INSERT", position, user_id, None, image), nature)


class Change(NamedTuple):
    """A change that was written."""

    record: StreamRecord
    event_form: JsonObject
    user_id: str
    nature: Nature
    shard_id: str
    place: int
    """How many changes of the user came before."""

    @property
    def failure_id(self) -> str:
        """Its id in the dead-letter queue."""
        return identify_record(self.event_form).failure_id
