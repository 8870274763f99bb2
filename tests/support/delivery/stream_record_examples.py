"""Stream records as the delivery handles them, numbered from 1, with next to no content."""

from delivery.records import StreamRecord

FIRST_SEQUENCE_NUMBER = 9_700_001_729_061_958_505_432
WRITTEN_AT = 1_573_689_799.0
"""2019-11-14T00:03:19Z."""


def sequence_number(number: int) -> str:
    """The sequence number of one of them."""
    return str(FIRST_SEQUENCE_NUMBER + number)


def example_record(number: int, *, item: str = "a", written_at: float = WRITTEN_AT, size: int = 2) -> StreamRecord:
    """One record."""
    return StreamRecord(sequence_number(number), item, written_at, b"x" * size)


def example_records(first: int, last: int) -> tuple[StreamRecord, ...]:
    """Records from the first to the last number."""
    return tuple(example_record(number) for number in range(first, last + 1))


def number_of(record: StreamRecord) -> int:
    """The number of a record."""
    return int(record.sequence_number) - FIRST_SEQUENCE_NUMBER


def numbers_of(records: tuple[StreamRecord, ...]) -> list[int]:
    """The numbers of records."""
    return [number_of(record) for record in records]
