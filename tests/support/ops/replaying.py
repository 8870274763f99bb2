"""Replays of a stack in memory, for its tests."""

from pathlib import Path

from functions.runtime.json_log import JsonObject
from ops.dead_letters.replay import Replay, ReplayReport
from ops.dead_letters.replay_db import ReplayDb
from ops.dead_letters.selection import Selection
from ops.job import Job
from tests.support.ops.ops_in_memory import StackInMemory
from tests.support.records.record_strategies import stream_record

EVERYTHING = Selection()


def image(user_id: str, name: str, *, schema_version: int = 1) -> JsonObject:
    return {"userId": {"S": user_id}, "name": {"S": name}, "schemaVersion": {"N": str(schema_version)}}


def change(position: int, user_id: str = "eve", *, schema_version: int = 1) -> JsonObject:
    new = image(user_id, f"name {position}", schema_version=schema_version)
    if position == 0:
        return stream_record("INSERT", position, user_id, None, new)
    return stream_record("MODIFY", position, user_id, image(user_id, f"name {position - 1}"), new)


def replay(
    stack: StackInMemory,
    path: Path,
    selection: Selection = EVERYTHING,
    *,
    batch_size: int = 100,
    stop_after: int = 1000,
) -> ReplayReport:
    replay_db = ReplayDb(path)
    work = Job(
        stop_requested=lambda: len(stack.function.invocations) >= stop_after,
        now=stack.clock.now,
        sleep=stack.clock.pass_by,
    )
    try:
        return Replay(stack, selection, replay_db, work, batch_size=batch_size).run()
    finally:
        replay_db.close()
