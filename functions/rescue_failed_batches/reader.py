"""What a rescue needs of the place where the records still are."""

from collections.abc import Iterator
from typing import Protocol

from functions.failed_records.failed_record import StreamPointer
from functions.json_types import Json


class ReadInterruptedError(Exception):
    """The records can't be read now; another attempt may work. The message says why."""


class RecordsGoneError(Exception):
    """The records, or those not yet given, can never be read again. The message says why."""


class StreamReader(Protocol):
    """Reads ranges of a stream."""

    def pages(self, pointer: StreamPointer) -> Iterator[list[Json]]:
        """Give the records of the range that the stream still has, in order and as Lambda delivers them, page by page.

        Raises:
            ReadInterruptedError: Not all can be read now.
            RecordsGoneError: No more can be read, ever.
        """
        ...
