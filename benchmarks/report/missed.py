"""The goals that the tables of the page don't reach, gathered from the tables themselves, each with its reason."""

import re

REASONS = {
    r"records/s, batch [\d,]+, with Activity \| json\.dumps": (
        "json.dumps makes no call. A batch with Activity makes one to DynamoDB for every 25 records, and each costs "
        "botocore's request, signature and answer, however the records are read. The rows without Activity show the "
        "function's own part."
    ),
    r"records/s, batch 1, without Activity \| json\.dumps": (
        "What a batch costs once, its log's one write and its answer, falls on a single record, and a record is "
        "described, compared and logged in some twice the time that its images alone take to be dumped."
    ),
    r"records/s, batch 1, with Activity \| Powertools": (
        "Both make one call for one record, by the same botocore, and that call is nearly all of the time. From 10 "
        "records on, one call carries many."
    ),
    r"records/s, (rescue|replay|backfill) \|": (
        "The calls saved are a hundred to one, but what the emulator does for each record, to store its item and to "
        "keep and give its message, is in both, and is most of the time there."
    ),
}
"""By what a row begins with: its figure and what it is held against."""

NOT_KNOWN = "Not known yet."

_ROW = re.compile(
    r"^\| (?P<row>.+? \| .*?) \| (?P<goal>at (?:most|least) .+?) \| (?P<measured>.+?) \| \*\*no\*\* \|$", re.MULTILINE
)


def missed(page: str) -> str:
    """Return the section on the goals that are not reached, reason by reason.

    Args:
        page: With the tables of `benchmarks.report.goals`.
    """
    by_reason: dict[str, list[str]] = {}
    for row in _ROW.finditer(page):
        reason = next((why for pattern, why in REASONS.items() if re.match(pattern, row["row"])), NOT_KNOWN)
        figure, _, against = row["row"].partition(" | ")
        line = f"- {figure}, against {against}: {row['measured'].partition(' (')[0]}, goal {row['goal']}"
        by_reason.setdefault(reason, []).append(line)
    if not by_reason:
        return "All goals are reached."
    return "\n\n".join(f"{reason}\n\n" + "\n".join(lines) for reason, lines in by_reason.items())
