"""`release`: which version of each function is live; shift traffic to the new ones, or go back."""

import time
from collections.abc import Callable, Sequence

import click
from rich.console import RenderableType
from rich.text import Text

from functions.runtime.json_log import Json, JsonObject
from ops.aws.aliases import Alias, Aliases
from ops.aws.cloudwatch import AlarmState
from ops.aws.release_record import Step
from ops.context import CommandContext, OpsCommand, pass_command_context
from ops.errors import OpsError, WrongUsageError
from ops.layout import blocks, table
from ops.release.release import Outcome, Watch, go_back, last_release, one_back, shift
from ops.stack_outputs import function_names

LOOK_SECONDS = 5.0
"""Between two looks at the alarms, which CloudWatch evaluates once a minute."""

_STOP_SECONDS = 0.2


@click.command(cls=OpsCommand)
@pass_command_context
def status(context: CommandContext) -> None:
    """Show each function's live version, a newer one with its share, and whether alarms ring."""
    aliases, newest = _read(context)
    alarms = [each for each in _alarms(context) if each.state == "ALARM"]
    data: Json = {
        "functions": [_as_json(alias, newest[alias.function]) for alias in aliases],
        "ringing": [each.name for each in alarms],
    }
    context.finish(data, lambda: _render(aliases, newest, alarms))


@click.command("shift", cls=OpsCommand)
@click.option("--percent", metavar="P", type=click.IntRange(1, 99), help="Share; by default trafficShiftPercent.")
@click.option(
    "--minutes",
    metavar="M",
    type=click.FloatRange(0, 60, min_open=True),
    help="How long to watch; by default trafficShiftMinutes.",
)
@click.option("--again", is_flag=True, help="Also versions that went back before.")
@pass_command_context
def shift_command(context: CommandContext, *, percent: int | None, minutes: float | None, again: bool) -> None:
    """Give each newest version a share of the traffic, and all of it if no alarm rings.

    If one of the stack's alarms begins to ring, every function goes back, and the exit code is 1. A
    run that was killed is completed by the next one.
    """
    outputs = context.services.outputs
    percent = percent or outputs.traffic_shift_percent
    minutes = minutes or outputs.traffic_shift_minutes
    if percent is None and minutes is None:
        text = "pulumi up makes new versions of this stack live at once: its setting trafficShiftPercent isn't set."
        context.finish(_outcome_json(Outcome()), lambda: Text(text))
        return
    if percent is None or minutes is None:
        raise WrongUsageError("A shift needs a share and a time", "say both --percent and --minutes")
    functions = function_names(outputs)
    with context.job("shifting") as job:
        watch = Watch(
            percent=percent,
            seconds=60 * minutes,
            alarms=lambda: _alarms(context),
            wait=lambda left: _wait(min(left, LOOK_SECONDS), job.stop_requested),
        )
        outcome = shift(_aliases(context), functions, watch, again=again, stop_requested=job.stop_requested)
    context.finish(
        _outcome_json(outcome),
        lambda: _render_outcome(context, outcome),
        error=_error_of(outcome),
        interrupted=outcome.stopped,
    )


@click.command(cls=OpsCommand)
@click.argument("functions", metavar="[FUNCTION]...", nargs=-1)
@pass_command_context
def back(context: CommandContext, *, functions: tuple[str, ...]) -> None:
    """Make live what was live before: of the last release, or of the functions that are named.

    The next deployment of changed code publishes a newer version, and goes forward again.
    """
    aliases, _ = _read(context)
    known = [alias.function for alias in aliases]
    if unknown := sorted(set(functions) - set(known)):
        raise WrongUsageError(f"this stack has no function {', '.join(unknown)}", f"name some of {', '.join(known)}")
    store = _aliases(context)
    if functions:
        went = {function: one_back(store, function) for function in functions}
    else:
        last = last_release(aliases)
        went = go_back(store, known, last) if last else {}
        if not went:
            raise OpsError(
                "no release is recorded: nothing was shifted here yet",
                f"name the functions, of {', '.join(known)}",
            )
    outcome = Outcome(back=went)
    context.finish(_outcome_json(outcome), lambda: _render_outcome(context, outcome))


def _aliases(context: CommandContext) -> Aliases:
    return Aliases(context.services.client("lambda"))


def _alarms(context: CommandContext) -> Sequence[AlarmState]:
    return context.services.monitoring().alarms(context.services.outputs.environment)


def _read(context: CommandContext) -> tuple[list[Alias], dict[str, str]]:
    store, functions = _aliases(context), function_names(context.services.outputs)
    return [store.read(each) for each in functions], {each: store.versions(each)[-1] for each in functions}


def _wait(seconds: float, stop_requested: Callable[[], bool]) -> float:
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds and not stop_requested():
        time.sleep(min(_STOP_SECONDS, seconds - passed))
    return time.monotonic() - began


def _error_of(outcome: Outcome) -> OpsError | None:
    if outcome.rang:
        names = ", ".join(each.name for each in outcome.rang)
        return OpsError(
            f"{names} rang, so every function went back to what was live before",
            "docs/runbook.md says what the alarm means; mend the code and deploy it",
        )
    if outcome.back:
        return OpsError("another run went back with this release, and so did this one", "see `release status`")
    return None


def _as_json(alias: Alias, newest: str) -> JsonObject:
    record = alias.record
    return {
        "function": alias.function,
        "live": alias.version,
        "newest": newest,
        "shares": dict(alias.shares),
        "release": record.release.isoformat() if record else None,
        "before": record.version if record and record.step is Step.DONE else None,
        "wentBackFrom": record.version if record and record.step is Step.BACK else None,
    }


def _outcome_json(outcome: Outcome) -> JsonObject:
    return {
        "release": outcome.release.isoformat() if outcome.release else None,
        "live": dict(outcome.moved),
        "back": dict(outcome.back),
        "rang": [each.name for each in outcome.rang],
        "skipped": dict(outcome.skipped),
    }


def _render(aliases: Sequence[Alias], newest: dict[str, str], alarms: Sequence[AlarmState]) -> RenderableType:
    rows = (
        (
            alias.function,
            alias.version,
            newest[alias.function],
            ", ".join(f"{version}: {share:.0%}" for version, share in alias.shares.items()),
            _story(alias),
        )
        for alias in aliases
    )
    ringing = Text(f"Ringing: {', '.join(each.name for each in alarms)}", style="red") if alarms else Text("No alarm")
    return blocks(
        table(("Function", "Live", "Newest", "Share", "Last release"), rows, right=("Live", "Newest")), ringing
    )


def _story(alias: Alias) -> str:
    record = alias.record
    if record is None:
        return ""
    words = {Step.SHIFTING: "shifts to", Step.DONE: "before it", Step.BACK: "went back from"}
    return f"{record.release:%Y-%m-%d %H:%M:%S}Z {words[record.step]} {record.version}"


def _render_outcome(context: CommandContext, outcome: Outcome) -> RenderableType:
    rows = [
        *((function, version, "live") for function, version in outcome.moved.items()),
        *((function, version, "live again") for function, version in outcome.back.items()),
        *((function, version, "went back before; --again tries it") for function, version in outcome.skipped.items()),
    ]
    if outcome.stopped:
        return context.next_steps("release shift", "release back", by_hand="the new versions keep their share")
    return table(("Function", "Version", ""), rows) if rows else Text("The newest versions are live.")
