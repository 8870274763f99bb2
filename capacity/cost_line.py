"""One line of the monthly bill, and what several lines are made with."""

import math
from dataclasses import dataclass

from capacity.prices_and_limits import Prices

MILLION = 1_000_000
MB_PER_GB = 1024
DAYS_PER_MONTH = 30


@dataclass(frozen=True)
class CostLine:
    """One line of the bill, in US dollars a month."""

    service: str
    item: str
    dollars: float
    consumer: str | None = None
    """The consumer that it is for; None if it would be there without any."""


def lambda_line(  # noqa: PLR0913 - each is one factor
    item: str, invocations: float, seconds: float, memory_mb: int, prices: Prices, *, consumer: str | None = None
) -> CostLine:
    """Return what invocations of this length cost with this memory."""
    billed = math.ceil(seconds * 1000) / 1000  # whole milliseconds
    gb_seconds = invocations * billed * memory_mb / MB_PER_GB
    requests = invocations / MILLION * prices.lambda_requests_per_million
    return CostLine("Lambda", item, gb_seconds * prices.lambda_gb_second_arm + requests, consumer)
