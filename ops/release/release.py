"""Shift traffic to the newest versions, watch the alarms, and finish or go back.

A release is all functions whose newest version isn't live. It gives each new version a share, waits
while no alarm rings, and then gives it all traffic; or it goes back with all functions. Every step
is written into the aliases (ops/aws/release_record.py), each change only if nobody made another
meanwhile. So a run that is killed at any point is completed by the next one, and several runs at
once end alike: one that finds the release gone back goes back too, and none finishes it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from ops.aws.aliases import Alias, ChangedMeanwhileError
from ops.aws.cloudwatch import AlarmState
from ops.aws.release_record import Record, Step
from ops.errors import OpsError

_ATTEMPTS = 10
"""At a change that others make at the same time."""


class AliasStore(Protocol):
    """`ops.aws.aliases.Aliases`, or a model of it."""

    def read(self, function: str) -> Alias: ...  # noqa: D102
    def versions(self, function: str) -> list[str]: ...  # noqa: D102
    def update(self, alias: Alias, version: str, shares: dict[str, float], record: Record) -> None: ...  # noqa: D102


class WentBackError(OpsError):
    """The release is going back, or has gone."""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How long a share is watched, and how.

    Attributes:
        percent: share of the traffic that the new versions get.
        seconds: how long.
        alarms: returns the stack's alarms as they are now.
        wait: waits until the next look at the alarms, at most so many seconds; returns how many
            passed.
    """

    percent: int
    seconds: float
    alarms: Callable[[], Sequence[AlarmState]]
    wait: Callable[[float], float]


@dataclass
class Outcome:
    """What became of a release.

    Attributes:
        release: when it began; None if there was nothing to do.
        moved: functions whose new version is live now, with that version.
        back: functions that went back, with the version that is live again.
        rang: the alarms that ended it.
        skipped: functions whose newest version went back before, with that version.
        stopped: whether the operator ended it; then the new versions keep their share.
    """

    release: datetime | None = None
    moved: dict[str, str] = field(default_factory=dict[str, str])
    back: dict[str, str] = field(default_factory=dict[str, str])
    rang: list[AlarmState] = field(default_factory=list[AlarmState])
    skipped: dict[str, str] = field(default_factory=dict[str, str])
    stopped: bool = False


def shift(
    store: AliasStore,
    functions: Sequence[str],
    watch: Watch,
    *,
    again: bool = False,
    stop_requested: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Make the newest versions live, step by step, or go back; complete what another run began.

    With `again` also those that went back before.
    """
    aliases = [store.read(function) for function in functions]
    seen = {each.function: each.record for each in aliases}
    newest = {function: store.versions(function)[-1] for function in functions}
    unfinished = [each.record for each in aliases if each.record and each.record.step is Step.SHIFTING]
    release = max((each.release for each in unfinished), default=None) or _new_release(aliases)
    outcome = Outcome(release=release)
    if any(each.record and (each.record.release, each.record.step) == (release, Step.BACK) for each in aliases):
        outcome.back = go_back(store, functions, release)
        return outcome
    due = [each.function for each in aliases if each.shares or each.version != newest[each.function]]
    if not again:
        outcome.skipped = {
            each.function: newest[each.function]
            for each in aliases
            if each.function in due and _went_back_from(each, newest[each.function])
        }
        due = [function for function in due if function not in outcome.skipped]
    if not due:
        outcome.release = None
        return outcome
    try:
        for function in due:
            _change(store, function, lambda alias: _start(alias, seen, newest, release, watch.percent))
        outcome.rang = _rings(watch, release, stop_requested)
        if not outcome.rang and stop_requested():
            outcome.stopped = True
            return outcome
        for function in [] if outcome.rang else due:
            _change(store, function, lambda alias: _finish(alias, newest[alias.function], release))
            outcome.moved[function] = newest[function]
    except WentBackError:
        outcome.moved.clear()
    if not outcome.moved:
        outcome.back = go_back(store, functions, release)
        others = (store.read(function) for function in due if function not in outcome.back)
        outcome.back |= {each.function: each.version for each in others if _went_back_from(each, newest[each.function])}
    return outcome


def _went_back_from(alias: Alias, version: str) -> bool:
    return alias.record is not None and (alias.record.step, alias.record.version) == (Step.BACK, version)


def go_back(store: AliasStore, functions: Sequence[str], release: datetime) -> dict[str, str]:
    """Make live again what was before a release; return what went back, with its live version."""
    back: dict[str, str] = {}
    for function in functions:
        _change(store, function, lambda alias: _back(alias, release))
        alias = store.read(function)
        if alias.record and alias.record.step is Step.BACK and alias.record.release == release:
            back[function] = alias.version
    return back


def last_release(aliases: Sequence[Alias]) -> datetime | None:
    """Return the newest release that any alias has a record of."""
    return max((each.record.release for each in aliases if each.record), default=None)


def one_back(store: AliasStore, function: str) -> str:
    """Make a function's version before the live one live; return it.

    Raises:
        OpsError: there is none.
    """
    versions = store.versions(function)

    def change(alias: Alias) -> _Change | None:
        record = alias.record
        if alias.shares:
            return _Change(alias.version, {}, Record(_release(alias), Step.BACK, next(iter(alias.shares))))
        older = [each for each in versions if int(each) < int(alias.version)]
        before = record.version if record and record.step is Step.DONE else older[-1] if older else None
        if before is None or before not in versions:
            raise OpsError(f"{function} has no version before {alias.version}", "deploy the older code instead")
        return _Change(before, {}, Record(_release(alias), Step.BACK, alias.version))

    _change(store, function, change)
    return store.read(function).version


def _new_release(aliases: Sequence[Alias]) -> datetime:
    """Return the name of a release that begins now, in a second that no other has."""
    now, last = aliases[0].read_at, last_release(aliases)
    return now if last is None or last < now else last + timedelta(seconds=1)


@dataclass(frozen=True)
class _Change:
    version: str
    shares: dict[str, float]
    record: Record


def _release(alias: Alias) -> datetime:
    return alias.record.release if alias.record else alias.read_at


def _start(
    alias: Alias, seen: Mapping[str, Record | None], newest: Mapping[str, str], release: datetime, percent: int
) -> _Change | None:
    version = newest[alias.function]
    if _went_back_from(alias, version) and alias.record != seen[alias.function]:
        raise WentBackError(f"{alias.function} went back meanwhile")
    if alias.version == version:
        other = next(iter(alias.shares), None)  # of a share that no release gave
        return _Change(version, {}, Record(release, Step.DONE, other)) if other else None
    record, share = Record(release, Step.SHIFTING, version), {version: percent / 100}
    return None if (alias.record, alias.shares) == (record, share) else _Change(alias.version, share, record)


def _finish(alias: Alias, version: str, release: datetime) -> _Change | None:
    if _went_back_from(alias, version):
        raise WentBackError(f"{alias.function} went back meanwhile")
    if alias.record == Record(release, Step.SHIFTING, version):
        return _Change(version, {}, Record(release, Step.DONE, alias.version))
    if alias.version == version and not alias.shares:
        return None
    raise OpsError(
        f"somebody else changed what is live of {alias.function} meanwhile",
        "look at `release status`, then run it again",
    )


def _back(alias: Alias, release: datetime) -> _Change | None:
    record = alias.record
    if record is None or record.release != release or record.step is Step.BACK:
        return None
    if record.step is Step.SHIFTING:
        return _Change(alias.version, {}, Record(release, Step.BACK, record.version))
    return _Change(record.version, {}, Record(release, Step.BACK, alias.version))


def _change(store: AliasStore, function: str, wanted: Callable[[Alias], _Change | None]) -> None:
    """Make a change of the alias as it is now, if one is wanted."""
    for _ in range(_ATTEMPTS):
        alias = store.read(function)
        change = wanted(alias)
        if change is None:
            return
        try:
            store.update(alias, change.version, change.shares, change.record)
        except ChangedMeanwhileError:
            continue
        return
    raise OpsError(f"{function}: others change what is live all the time", "end them, then run it again")


def _rings(watch: Watch, release: datetime, stop_requested: Callable[[], bool]) -> list[AlarmState]:
    """Watch, and return the alarms that began to ring since the release began."""
    left = watch.seconds
    while True:
        rang = [each for each in watch.alarms() if each.state == "ALARM" and each.since >= release]
        if rang or left <= 0 or stop_requested():
            return rang
        left -= watch.wait(left)
