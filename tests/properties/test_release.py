"""A release ends with every new version live or with none, whoever is killed, and when."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ops.aws.cloudwatch import AlarmState
from ops.aws.release_record import Record, Step, read_record
from ops.release.release import Outcome, Watch, go_back, last_release, one_back, shift
from tests.support.ops.aliases_in_memory import BEGAN, AliasesInMemory, Killed

SECONDS = 300.0
LOOK = 60.0
ALARM = "LogUserChangesErrors-test"

FUNCTIONS = st.dictionaries(st.sampled_from(["Log", "Register", "Rescue"]), st.integers(1, 3), min_size=1)
CALLS = st.none() | st.integers(0, 30)


@dataclass
class Run:
    """One run of the command on a store; `rings_after` says at which look the alarm rings."""

    store: AliasesInMemory
    rings_after: int | None = None
    stop_after: int | None = None
    looks: int = 0

    def alarms(self) -> list[AlarmState]:
        self.looks += 1
        ringing = self.rings_after is not None and self.looks > self.rings_after
        before = AlarmState("DeadLetterQueueDepth-test", "ALARM", "since long", BEGAN - timedelta(days=1))
        return [before, AlarmState(ALARM, "ALARM" if ringing else "OK", "", self.store.now)]

    def wait(self, left: float) -> float:
        self.store.now += timedelta(seconds=LOOK)
        return min(left, LOOK)

    def go(self, *, again: bool = False) -> Outcome:
        watch = Watch(percent=10, seconds=SECONDS, alarms=self.alarms, wait=self.wait)
        return shift(
            self.store,
            list(self.store.functions),
            watch,
            again=again,
            stop_requested=lambda: self.stop_after is not None and self.looks > self.stop_after,
        )


@contextmanager
def killed_after(store: AliasesInMemory, calls: int | None) -> Generator[None]:
    store.calls_left = calls
    with suppress(Killed):
        yield
    store.calls_left = None


def newest(store: AliasesInMemory) -> dict[str, str]:
    return {name: str(count) for name, count in store.functions.items()}


def first(store: AliasesInMemory) -> dict[str, str]:
    return dict.fromkeys(store.functions, "1")


@given(FUNCTIONS, st.lists(CALLS, max_size=4))
@settings(deadline=None)
def test_a_quiet_release_is_completed_whoever_is_killed(functions: dict[str, int], kills: list[int | None]) -> None:
    store = AliasesInMemory(functions)
    for calls in kills:
        with killed_after(store, calls):
            Run(store).go()

    Run(store).go()

    assert store.live() == newest(store)
    for alias in store.history:
        assert alias.version in {"1", newest(store)[alias.function]}
        assert set(alias.shares.values()) <= {0.1}


@given(FUNCTIONS, st.lists(CALLS, max_size=4), st.integers(0, 5), CALLS)
@settings(deadline=None)
def test_a_release_whose_alarm_rings_goes_back_whole(
    functions: dict[str, int], kills: list[int | None], rings_after: int, last: int | None
) -> None:
    store = AliasesInMemory(functions)
    for calls in kills:
        with killed_after(store, calls):
            # It never gets as far as the end of its watch.
            Run(store, stop_after=3).go()
    with killed_after(store, last):
        Run(store, rings_after=rings_after).go()

    outcome = Run(store, rings_after=0).go()

    assert store.live() == first(store)
    changed = {name for name, count in functions.items() if count > 1}
    assert outcome.back.keys() | outcome.skipped.keys() == changed
    # What went back isn't tried again unless somebody says so.
    assert Run(store).go().skipped == {name: str(functions[name]) for name in changed}
    assert store.live() == first(store)
    Run(store).go(again=True)
    assert store.live() == newest(store)


@given(FUNCTIONS, st.booleans(), st.integers(1, 40))
@settings(deadline=None)
def test_two_runs_at_once_end_alike(functions: dict[str, int], rings: object, at: int) -> None:
    """The second begins, and ends, between any two calls of the first."""
    store = AliasesInMemory(functions)
    second = Run(store, rings_after=2 if rings else None)
    calls = [0]
    inner = store.read

    def read(function: str) -> object:
        calls[0] += 1
        if calls[0] == at:
            second.go()
        return inner(function)

    store.read = read  # pyright: ignore[reportAttributeAccessIssue]
    outcome = Run(store).go()
    store.read = inner

    if second.looks and rings and any(count > 1 for count in functions.values()):
        assert store.live() == first(store)
        assert not outcome.moved
    else:
        assert store.live() == newest(store)
        assert not outcome.back


def test_an_alarm_that_rang_before_the_release_is_no_reason_to_go_back() -> None:
    store = AliasesInMemory({"Log": 2})

    outcome = Run(store).go()

    assert outcome.moved == {"Log": "2"}
    assert outcome.rang == []


def test_a_newer_version_takes_the_place_of_one_that_has_a_share() -> None:
    store = AliasesInMemory({"Log": 2})
    Run(store, stop_after=0).go()
    store.functions["Log"] = 3

    Run(store).go()

    assert store.live() == {"Log": "3"}
    assert store.aliases["Log"].record == Record(BEGAN + timedelta(seconds=1), Step.DONE, "1")


class Releases(RuleBasedStateMachine):
    """Deployments, runs that are killed or stopped, and ways back, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.store = AliasesInMemory({"Log": 1, "Register": 1})

    @rule(function=st.sampled_from(["Log", "Register"]))
    def deploy(self, function: str) -> None:
        self.store.functions[function] += 1

    @rule(calls=CALLS, rings_after=st.none() | st.integers(0, 6), stop_after=st.none() | st.integers(0, 3))
    def shift(self, calls: int | None, rings_after: int | None, stop_after: int | None) -> None:
        with killed_after(self.store, calls):
            Run(self.store, rings_after, stop_after).go()

    @rule()
    def go_back(self) -> None:
        aliases = list(self.store.aliases.values())
        if release := last_release(aliases):
            go_back(self.store, list(self.store.functions), release)

    @precondition(lambda self: self.store.aliases["Log"].version != "1")
    @rule()
    def one_back(self) -> None:
        before = self.store.aliases["Log"]
        version = one_back(self.store, "Log")
        assert int(version) < int(before.version) or before.shares

    @rule()
    def shift_to_the_end(self) -> None:
        outcome = Run(self.store).go(again=True)
        if outcome.back:
            # It completed a way back that was killed.
            outcome = Run(self.store).go(again=True)
        assert self.store.live() == newest(self.store)

    @invariant()
    def a_share_goes_to_one_version_and_has_a_record(self) -> None:
        for alias in self.store.aliases.values():
            assert len(alias.shares) <= 1
            if alias.shares:
                assert alias.record is not None
                assert (alias.record.step, alias.record.version) == (Step.SHIFTING, next(iter(alias.shares)))


TestReleases = Releases.TestCase
TestReleases.settings = settings(deadline=None)


@given(
    st.datetimes().map(lambda at: BEGAN.replace(year=max(at.year, 2000)) + timedelta(seconds=at.second)),
    st.sampled_from(Step),
)
def test_a_record_reads_as_it_was_written(release: object, step: Step) -> None:
    record = Record(release, step, "7")  # pyright: ignore[reportArgumentType]

    assert read_record(record.to_text()) == record


@given(st.text() | st.sampled_from(['{"release":"x","before":"1"}', '{"before":1}', "[]", '{"release":"2026-01-01"}']))
def test_any_other_description_is_no_record(text: str) -> None:
    assert read_record(text) is None
