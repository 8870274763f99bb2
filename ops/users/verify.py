"""Hold Users, UserKeys and Activity against each other over a live table, and mend what differs.

Three passes read the tables in large calls and note whom to look at again. A change in flight looks
like a problem then, so each is looked at again before it counts:

- A user and its keys are read as of one moment (`key_checks`). A repair is a transaction that
  checks again what it was decided from.
- A history is judged once every change has had the time to arrive, and only if the user is stored
  all the while as it was first seen (`history_checks`). A repair is a record through the real
  function; it has its place before every later change.

A run that was killed continues; what it repeats has no further effect.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from functions.users.attributes import ATTRIBUTES, Attribute
from ops.aws.services import Services
from ops.aws.tables import ActivityKey
from ops.aws.user_keys import ITEMS_PER_TRANSACTION, owner_of
from ops.dead_letters.message import ReplayOutcome
from ops.dead_letters.record import ReplayableChange
from ops.dead_letters.redelivery import Redelivery
from ops.errors import OpsError
from ops.job import Job
from ops.users.backfill_records import user_id_of
from ops.users.delivery import Delivery
from ops.users.findings import REPAIRABLE, Finding, Problem
from ops.users.history_checks import History, HistoryRules, mark_of, read_histories, users_without_end
from ops.users.key_checks import (
    Judgement,
    held_keys_of_image,
    is_of_user,
    judge_key,
    judge_user,
    keys_to_check,
    users_to_check,
)
from ops.users.verify_db import Candidate, VerifyDb

SETTLE_SECONDS = 180
"""A delivery that is a minute late shows it in the metric within two more minutes."""

LOCAL_SETTLE_SECONDS = 10  # the local poller tells its state at once

ROUNDS = 5
"""Looks at a candidate; each but the last ends without an answer only because of other writes."""

REPAIR_COST = 10
"""A repair counts as so many items that are read."""

HISTORIES_PER_BATCH = 50  # one statement to read, one invocation to repair
FINDINGS_SHOWN = 1_000

USERS, KEYS, HISTORIES = "users", "keys", "histories"  # kinds of candidates; the first two are passes too
CHANGES = "changes"
PASSES = (USERS, KEYS, CHANGES)


@dataclass
class VerifyReport:
    """What was read and found, with earlier parts of a run that was stopped."""

    read: dict[str, int] = field(default_factory=dict[str, int])
    """Users, keys and changes of histories."""
    found: Counter[Problem] = field(default_factory=Counter[Problem])
    """What is left."""
    repaired: Counter[Problem] = field(default_factory=Counter[Problem])
    findings: list[Finding] = field(default_factory=list[Finding])
    """The first ones of what is left."""
    finished: bool = False
    error: OpsError | None = None


class Verify:
    """One run, from what `progress` holds."""

    def __init__(  # noqa: PLR0913  each is a dependency or an option, named at the call
        self,
        services: Services,
        progress: VerifyDb,
        job: Job,
        *,
        items_per_second: float,
        repair: bool,
        attributes: Sequence[Attribute] = ATTRIBUTES,
    ) -> None:
        self._progress = progress
        self._job = job
        self._rate = items_per_second
        self._repair = repair
        self._attributes = attributes
        self._unique = [each.name for each in attributes if each.unique is not None]
        self._users = services.users()
        self._keys = services.user_keys()
        self._activity = services.activity()
        self._delivery = Delivery(services, job)
        self._function = services.stream_function()
        self._redelivery = Redelivery(self._function, self._activity, job)
        self._outputs = services.outputs
        self._settle_seconds = LOCAL_SETTLE_SECONDS if services.read_local_poller() else SETTLE_SECONDS
        self._read = {name: int(progress.get(f"read {name}", "0")) for name in PASSES}
        self._begun = 0.0
        self._in_queue: frozenset[str] = frozenset()

    def run(self) -> VerifyReport:
        """Continue to the end, a stop or an error."""
        error: OpsError | None = None
        finished = False
        try:
            self._delivery.check()
            self._rules = HistoryRules(
                self._outputs.users_stream_arn,
                self._outputs.region,
                int(self._function.variable("ACTIVITY_RETENTION_DAYS")),
            )
            self._take_up()
            finished = all(
                step()
                for step in (
                    partial(self._pass, USERS, self._read_users),
                    partial(self._pass, KEYS, self._read_keys),
                    partial(self._pass, CHANGES, self._read_changes),
                    partial(self._settle, USERS, self._settle_users),
                    partial(self._settle, KEYS, self._settle_keys),
                    partial(self._settle, HISTORIES, self._settle_histories),
                )
            )
        except OpsError as caught:
            error = caught
        db = self._progress
        found, repaired = db.counts(repaired=False), db.counts(repaired=True)
        return VerifyReport(self._read, found, repaired, db.findings(FINDINGS_SHOWN), finished, error)

    def _take_up(self) -> None:
        mode = "repair" if self._repair else "report"
        if self._progress.get("mode", mode) != mode:
            self._progress.reopen()
        self._progress.set("mode", mode)

    def _pass(self, name: str, read: Callable[[str], str | None]) -> bool:
        """Read a table from where the last run stopped; say whether its end is reached."""
        while self._progress.get(f"passed {name}") != "yes":
            if self._job.stop_requested():
                return False
            before = self._read[name]
            self._begun = self._job.now()
            with self._progress.transaction():
                after = read(self._progress.get(f"after {name}"))
                self._progress.set(f"after {name}", after or "")
                self._progress.set(f"read {name}", str(self._read[name]))
                if after is None:
                    self._progress.set(f"passed {name}", "yes")
            total = sum(self._read.values())
            self._job.report_progress(total, total)
            self._pace(self._read[name] - before)
        return True

    def _pace(self, items: int) -> None:
        self._job.pause(items / self._rate - (self._job.now() - self._begun))

    def _read_users(self, after: str) -> str | None:
        page = self._users.page(after or None)
        images = {user_id_of(image): image for image in page.users}
        self._read[USERS] += len(images)
        wanted = [key for image in page.users for key in held_keys_of_image(image, self._attributes)]
        owners = self._keys.owners(wanted)
        lacking = users_to_check(page.users, owners, self._attributes)
        self._progress.add(USERS, (Candidate(user_id) for user_id in lacking))
        now = self._job.now()
        histories = self._histories(images, now)
        suspects = (
            Candidate(user_id, mark_of(image))
            for user_id, image in images.items()
            if self._rules.problem(image, histories.get(user_id), now)
        )
        self._progress.add(HISTORIES, suspects)
        return page.next_after

    def _histories(self, user_ids: Iterable[str], now: float) -> dict[str, History]:
        parts = self._activity.each_history(list(user_ids), partial(read_histories, now=now))
        return {user_id: history for part in parts for user_id, history in part.items()}

    def _read_keys(self, after: str) -> str | None:
        page = self._keys.page(after or None)
        self._read[KEYS] += len(page.items)
        items = [item for item in page.items if is_of_user(item)]
        images = self._users.images((owner_of(item) for item in items), self._unique)
        suspects = keys_to_check(items, images, self._attributes, self._job.now())
        self._progress.add(KEYS, map(Candidate, suspects))
        return page.next_after

    def _read_changes(self, after: str) -> str | None:
        user_id, _, change_id = after.rpartition(" ")
        page = self._activity.page(ActivityKey(user_id, change_id) if after else None)
        self._read[CHANGES] += len(page.items)
        suspects = users_without_end(page.items, self._job.now())
        stored = self._users.images(suspects, ("userId",))
        self._progress.add(HISTORIES, (Candidate(user_id) for user_id in suspects - stored.keys()))
        return page.next_after and " ".join(page.next_after)

    def _settle(self, kind: str, look: Callable[[Sequence[Candidate]], None]) -> bool:
        """Look at each candidate of a kind until it is settled; say whether all are."""
        size = HISTORIES_PER_BATCH if kind == HISTORIES else self._candidates_per_snapshot
        for _ in range(ROUNDS):
            if not self._progress.open(kind):
                return True
            if kind == HISTORIES:
                self._wait_for_changes()
            after = ""
            while batch := self._progress.open(kind, after, size):
                if self._job.stop_requested():
                    return False
                self._begun = self._job.now()
                look(batch)
                after = batch[-1].id
        while busy := self._progress.open(kind, limit=size):
            with self._progress.transaction():
                for one in busy:
                    self._progress.settle(kind, one.id, [(_busy(kind, one.id), False)])
        return True

    @property
    def _candidates_per_snapshot(self) -> int:
        """A user, and for each unique attribute one key and the user who has it."""
        return max(1, ITEMS_PER_TRANSACTION // (1 + 2 * len(self._unique)))

    def _settle_users(self, batch: Sequence[Candidate]) -> None:
        user_ids = [one.id for one in batch]
        images = self._users.images(user_ids, self._unique)
        keys = {key for image in images.values() for key in held_keys_of_image(image, self._attributes)}
        if len(batch) > 1 and len(batch) + 2 * len(keys) > ITEMS_PER_TRANSACTION:
            half = len(batch) // 2
            self._settle_users(batch[:half])
            self._settle_users(batch[half:])
            return
        owners = self._keys.owners(sorted(keys))
        snapshot = self._keys.snapshot({*user_ids, *owners.values()}, keys)
        if snapshot is not None:
            self._settle_judged(USERS, {id_: judge_user(id_, snapshot, self._attributes) for id_ in user_ids})

    def _settle_keys(self, batch: Sequence[Candidate]) -> None:
        keys = [one.id for one in batch]
        snapshot = self._keys.snapshot(set(self._keys.owners(keys).values()), keys)
        now = self._job.now()
        if snapshot is not None:
            self._settle_judged(KEYS, {key: judge_key(key, snapshot, self._attributes, now) for key in keys})

    def _settle_judged(self, kind: str, judgements: Mapping[str, Judgement | None]) -> None:
        """Repair, and store what is settled; the rest is looked at again."""
        judged = {id_: one for id_, one in judgements.items() if one is not None}
        repairs = {id_: one.repair for id_, one in judged.items() if one.repair and self._repair}
        written = dict(zip(repairs, self._keys.repair(list(repairs.values())), strict=True)) if repairs else {}
        with self._progress.transaction():
            for id_, judgement in judged.items():
                if written.get(id_, True):
                    findings = [self._stored_finding(one) for one in judgement.findings]
                    left = [(one, False) for one in judgement.left] if self._repair else []
                    self._progress.settle(kind, id_, findings + left)
        self._pace(len(judgements) + REPAIR_COST * len(repairs))

    def _stored_finding(self, finding: Finding) -> tuple[Finding, bool]:
        """Return a finding, and whether it is repaired.

        A run that only reports remembers which free keys it saw wanted: of two users who share a
        value, one would get the key.
        """
        repairable = finding.problem in REPAIRABLE
        if repairable and not self._repair and finding.problem is Problem.WITHOUT_KEY and finding.key:
            first = self._progress.wants(finding.key, finding.user_id)
            if first != finding.user_id:
                return finding._replace(problem=Problem.TAKEN, held_by=first), False
        return finding, repairable and self._repair

    def _wait_for_changes(self) -> None:
        """Wait until all changes from before are in the histories, or in the dead-letter queue."""
        self._job.pause(self._settle_seconds)
        self._delivery.check()
        self._delivery.wait_for_rescue()
        self._in_queue = self._delivery.users_in_queue()

    def _settle_histories(self, batch: Sequence[Candidate]) -> None:
        seen = {one.id: one.mark for one in batch}
        before = self._users.images(seen)
        now = self._job.now()
        histories = self._histories(seen, now)
        after = self._users.images(seen)
        marks = {id_: mark_of(after.get(id_)) for id_ in seen}
        steady = [id_ for id_ in seen if seen[id_] == mark_of(before.get(id_)) == marks[id_]]
        findings: dict[str, list[tuple[Finding, bool]]] = {id_: [] for id_ in steady}
        records: dict[str, ReplayableChange] = {}
        for id_ in steady:
            problem = self._rules.problem(after.get(id_), histories.get(id_), now)
            if problem and id_ in self._in_queue:
                findings[id_] = [(Finding(Problem.IN_QUEUE, id_), False)]
            elif problem and self._repair and problem in REPAIRABLE:
                records[id_] = self._rules.record(id_, after.get(id_), histories.get(id_), now)
                findings[id_] = [(Finding(problem, id_), True)]
            elif problem:
                findings[id_] = [(Finding(problem, id_), False)]
        error = self._deliver(records, findings)
        with self._progress.transaction():
            self._progress.add(HISTORIES, (Candidate(id_, marks[id_]) for id_ in seen if id_ not in steady))
            for id_, found in findings.items():
                self._progress.settle(HISTORIES, id_, found)
        if error:
            raise error
        self._pace(len(batch) + REPAIR_COST * len(records))

    def _deliver(
        self, records: Mapping[str, ReplayableChange], findings: dict[str, list[tuple[Finding, bool]]]
    ) -> OpsError | None:
        """Send the records; correct the findings of those refused, drop those of the untried."""
        if not records:
            return None
        results, error = self._redelivery.deliver(list(records.values()))
        for result in results:
            if result.outcome is not ReplayOutcome.REPLAYED:
                refused = Finding(Problem.REFUSED, result.change.user_id, detail=result.detail)
                findings[result.change.user_id] = [(refused, False)]
        for user_id in records.keys() - {result.change.user_id for result in results}:
            del findings[user_id]
        return error


def _busy(kind: str, id_: str) -> Finding:
    return Finding(Problem.BUSY, "", key=id_) if kind == KEYS else Finding(Problem.BUSY, id_)
