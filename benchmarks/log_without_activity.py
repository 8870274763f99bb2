"""log_user_changes without Activity, to show what Activity costs the function, which always has it.

Reading, describing and logging are left.
"""

import os
import time
from collections.abc import Sequence
from typing import Any

from functions.activity.items import ItemKey, ReadOutcome, WriteOutcome
from functions.dead_letters.envelope import FailedRecord, SendOutcome
from functions.log_user_changes.batch import process_batch
from functions.log_user_changes.history import AfterDeletion
from functions.runtime.json_log import BufferedLog
from functions.stream_records.user_change import UserChange


class _Nowhere:
    """An Activity table that keeps nothing, and a dead-letter queue that takes nothing."""

    def write(self, changes: Sequence[UserChange]) -> WriteOutcome:
        return WriteOutcome(len(changes), {}, None)

    def read(self, _keys: Sequence[ItemKey]) -> ReadOutcome:
        return ReadOutcome({}, None, frozenset())

    def send(self, failed_records: Sequence[FailedRecord]) -> SendOutcome:
        if failed_records:
            raise AssertionError(f"a valid record was dead-lettered: {failed_records[0].reason}")
        return SendOutcome(0, None)


_NOWHERE = _Nowhere()


def handler(event: dict[str, Any], context: Any) -> object:
    """Process a batch as the function's own handler does."""
    log = BufferedLog()
    try:
        outcome = process_batch(
            event["Records"],
            activity=_NOWHERE,
            read_activity=_NOWHERE.read,
            after_deletion=AfterDeletion(),
            dead_letters=_NOWHERE,
            log=log,
            mask_personal_data=False,
            source_function=context.invoked_function_arn,
            table=os.environ["USERS_TABLE"],
            now=time.time,
        )
    finally:
        log.write()
    return outcome.response()
