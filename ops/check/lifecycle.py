"""A marked user's life: registered, changed, found in the history, deleted, removed.

| step      | what has to hold                                                              |
| --------- | ----------------------------------------------------------------------------- |
| leftovers | what a killed check left is removed                                           |
| register  | `POST /register` answers 201 with an id; 202 with neutral answers             |
| change    | `PATCH /users/{userId}` answers 200 with the new value                        |
| history   | both changes are in Activity, in order, in time                               |
| delete    | `DELETE /users/{userId}` answers 204, and the end is in Activity, in time     |
| erase     | neither Users nor UserKeys nor Activity know the user any more                |
| health    | no alarm rings, nothing waits where nothing should (`ops.health`)             |

All three changes are in Activity before anything is removed from it, so that no record of the user
is on its way any more. Hence no marker of an erasure is left, which a real person's history keeps.

Killed at any point, the next run finds the user: by its address while it is stored, and by the note
that is written right after the registration from then on. The note stays, so that the next run also
removes what a delivery repeated afterwards has written again.
"""

from collections.abc import Callable
from urllib.parse import quote

from functions.activity.closing_item import CLOSING_CHANGE_ID
from functions.runtime.json_log import is_array, is_object
from functions.stream_records.attribute_values import Image
from ops.aws.services import Services
from ops.aws.users_api import ApiAnswer
from ops.check import marked_user
from ops.check.report import CheckReport
from ops.errors import OpsError
from ops.health.stack import StackHealth, read_health
from ops.job import Job

POLL_SECONDS = 0.5
QUIET_SECONDS = 2.0
STATUS = "`python -m ops status` shows the delivery"
_CREATED, _ACCEPTED, _OK, _NO_CONTENT, _NOT_FOUND = 201, 202, 200, 204, 404


class Check:
    """One check of one stack.

    Args:
        services: of the stack.
        job: stops it, and waits.
        within_seconds: how soon a change has to be in the history, and health be good.
    """

    def __init__(self, services: Services, job: Job, *, within_seconds: float) -> None:
        self._services = services
        self._job = job
        self._within = within_seconds
        self._api = services.users_api()
        self._traces = services.check_traces()
        self._user_id = ""
        self.report = CheckReport(services.outputs.environment)

    def run(self) -> CheckReport:
        """Do every step that makes sense after the ones before."""
        try:
            with self.report.step("leftovers", self._job) as found:
                self._remove_leftovers(found)
            if not self.report.last_failed:
                self._live()
            with self.report.step("health", self._job) as found:
                self._look_at_health(found)
        except KeyboardInterrupt:
            self.report.interrupted = True
        return self.report

    def _live(self) -> None:
        with self.report.step("register", self._job) as found:
            self._register(found)
        if self.report.last_failed:
            return
        if not self._user_id:
            why = "with neutral answers a registration waits for the link in its mail, which nobody reads here"
            for name in ("change", "history", "delete", "erase"):
                self.report.skip(name, why)
            return
        with self.report.step("change", self._job) as found:
            self._change(found)
        changed = not self.report.last_failed
        with self.report.step("history", self._job) as found:
            self._await_history(found, *(("ADDED", "UPDATED") if changed else ("ADDED",)))
        in_time = not self.report.last_failed
        with self.report.step("delete", self._job) as found:
            self._delete(self._user_id)
            if in_time:
                self._await_history(found, *(("ADDED", "UPDATED", "DELETED") if changed else ("ADDED", "DELETED")))
        if not in_time or self.report.last_failed:
            self.report.skip("erase", f"changes of {self._user_id} are on their way: the next check removes them")
            return
        with self.report.step("erase", self._job) as found:
            self._erase(self._user_id, found)

    def _remove_leftovers(self, found: list[str]) -> None:
        stored = self._stored()
        for user_id in dict.fromkeys(each for each in (self._traces.remembered(), stored) if each):
            if user_id != stored and not self._traces.items(user_id):
                continue
            self._traces.remember(user_id, self._job.now())
            if user_id == stored:
                self._delete(user_id)
            self._await_end(user_id)
            self._erase(user_id, found)
            found.append(f"{user_id} was left by an earlier check")

    def _stored(self) -> str | None:
        """Return the id of the user with the mark."""
        answer = self._api.send("GET", f"/users?email={quote(marked_user.EMAIL, safe='')}")
        _expect(answer, _OK, "GET /users?email=")
        items = answer.member("items")
        for each in items if is_array(items) else []:
            if is_object(each):
                return str(each["userId"])
        return None

    def _register(self, found: list[str]) -> None:
        answer = self._api.send("POST", "/register", marked_user.registration(), signed=False)
        neutral = self._services.outputs.confirm_registration_function_name is not None
        _expect(answer, _ACCEPTED if neutral else _CREATED, "POST /register")
        if neutral:
            found.append("answered 202: the mail is on its way, and the registration expires")
            return
        user_id = answer.member("userId")
        if not isinstance(user_id, str):
            raise OpsError(f"POST /register answered {answer} without a userId")
        self._traces.remember(user_id, self._job.now())
        self._user_id = self.report.user_id = user_id

    def _change(self, found: list[str]) -> None:
        answer = self._api.send("PATCH", f"/users/{self._user_id}", marked_user.change())
        _expect(answer, _OK, "PATCH /users/{userId}")
        if answer.member(marked_user.CHANGED) != marked_user.NAME_AFTER:
            raise OpsError(f"PATCH /users/{{userId}} answered {answer}, and not with the new name")
        found.append(f"version {answer.member('version')}")

    def _delete(self, user_id: str) -> None:
        answer = self._api.send("DELETE", f"/users/{user_id}")
        if answer.status != _NOT_FOUND:
            _expect(answer, _NO_CONTENT, "DELETE /users/{userId}")

    def _await_history(self, found: list[str], *kinds: str) -> None:
        """Wait until the history is these kinds of changes."""
        began = self._job.now()

        def complete() -> bool:
            return tuple(_kinds(self._traces.items(self._user_id))) == kinds

        if not self._wait_for(complete):
            has = ", ".join(_kinds(self._traces.items(self._user_id))) or "nothing"
            raise OpsError(
                f"the history of {self._user_id} in {self._services.outputs.activity_table_name} has {has} and not "
                f"{', '.join(kinds)} after {self._within:g} s",
                STATUS,
            )
        found.append(f"in Activity after {self._job.now() - began:.1f} s")

    def _await_end(self, user_id: str) -> None:
        """Wait until a deleted user's history ends, or there is none."""

        def ended() -> bool:
            kinds = _kinds(self._traces.items(user_id))
            return not kinds or kinds[-1] in {"DELETED", "ERASED"}

        if not self._wait_for(ended):
            raise OpsError(f"{user_id} is deleted, and its history doesn't end after {self._within:g} s", STATUS)

    def _erase(self, user_id: str, found: list[str]) -> None:
        """Remove the history until it stays away; say what is still known of the user."""
        removed = set[str]()

        def gone() -> bool:
            changes = [item["changeId"]["S"] for item in self._traces.items(user_id)]
            for change_id in changes:
                self._traces.delete(user_id, change_id)
            removed.update(changes)
            if changes:
                # A delivery that is repeated at this moment writes the same items again.
                self._job.pause(QUIET_SECONDS)
            return not self._traces.items(user_id)

        left = [
            *([] if self._wait_for(gone) else ["Activity"]),
            *(["Users"] if self._api.send("GET", f"/users/{user_id}").status != _NOT_FOUND else []),
            *(["UserKeys"] if self._stored() == user_id else []),
        ]
        if left:
            raise OpsError(
                f"{user_id} is still in {', '.join(left)}",
                f"the next check tries again; at once: `python -m ops {self._services.source} person erase {user_id} "
                "--by id`",
            )
        found.append(f"{len(removed)} items removed from Activity")

    def _look_at_health(self, found: list[str]) -> None:
        health: list[StackHealth] = []

        def good() -> bool:
            # A mapping that a deployment has just made is enabled some seconds later.
            health[:] = [read_health(self._services)]
            return not health[0].attention()

        if not self._wait_for(good):
            problems = health[0].attention()
            commands = [each.next_command for each in problems if each.next_command]
            first = next(iter(commands), "status")
            raise OpsError(
                "; ".join(each.text for each in problems), f"`python -m ops {self._services.source} {first}`"
            )
        found.append(f"{len(health[0].alarms)} alarms are silent")

    def _wait_for(self, condition: Callable[[], bool]) -> bool:
        """Return whether a condition comes to hold in time; raise KeyboardInterrupt to stop."""
        deadline = self._job.now() + self._within
        while not condition():
            if self._job.stop_requested():
                raise KeyboardInterrupt
            if self._job.now() >= deadline:
                return False
            self._job.pause(POLL_SECONDS)
        return True


def _expect(answer: ApiAnswer, status: int, request: str) -> None:
    if answer.status == status:
        return
    advice = "run the check again; if it stays, search the functions' logs for the request's id"
    if answer.status in {401, 403}:
        advice = f"have execute-api:Invoke on {request} allowed for your role, or use a profile that may"
    elif answer.status == 429:  # noqa: PLR2004  Too Many Requests
        advice = "the API is at its throttle (docs/settings.md, throttleRatePerSecond); run the check again"
    raise OpsError(f"{request} answered {answer}, expected {status}", advice)


def _kinds(items: list[Image]) -> list[str]:
    """Return what happened, oldest first; a deletion's note is no change."""
    return [
        item["kind"]["S"]
        for item in items
        if "kind" in item and (item["changeId"]["S"] != CLOSING_CHANGE_ID or item["kind"]["S"] == "ERASED")
    ]
