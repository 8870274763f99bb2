"""`activity`: what happened to one user."""

import json
from itertools import islice

import click
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from functions.activity.items import activity_entry
from functions.json_types import JsonObject
from functions.plain_json import json_line
from functions.stream_records.attribute_values import Image
from functions.users.store import REGISTRATION_DIGEST
from ops.desk import Desk, OpsCommand, pass_desk, screen_options
from ops.errors import NotFoundError
from ops.screen import Screen, plain
from ops.tables import count, table

CHANGES = 25


@click.command(cls=OpsCommand, short_help="What happened to one user.")
@click.argument("user_id", metavar="USER")
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=1), default=CHANGES, show_default=True, help="Changes to show."
)
@screen_options
@pass_desk
def activity(desk: Desk, *, user_id: str, limit: int, screen: Screen) -> None:
    """Show the changes of the user with the id USER, the newest first."""
    items = list(islice(desk.services.activity().history(user_id), limit + 1))
    if not items:
        raise NotFoundError(
            f"Nothing is known of a user {user_id}",
            "is it the user's id (a UUID)? A change that failed waits in the dead-letter queue: "
            f"`dlq list --where user={user_id}`",
        )
    more = len(items) > limit
    entries: list[JsonObject] = [_entry(item) for item in items[:limit]]
    screen.show({"userId": user_id, "items": entries, "more": more}, lambda: _readable(user_id, entries, more=more))


def _entry(item: Image) -> JsonObject:
    """Return what to show: as in the API without the digest, by which values could be guessed that are long changed."""
    entry: JsonObject = json.loads(json_line(activity_entry(item)))
    entry["changes"].pop(REGISTRATION_DIGEST, None)
    return entry


def _readable(user_id: str, entries: list[JsonObject], *, more: bool) -> RenderableType:
    rows = table("When", "What", "By", "Field", "Before", "After")
    for entry in entries:
        lead = [Text(plain(str(entry[name]))) for name in ("occurredAt", "kind", "actor")]
        changes: JsonObject = entry["changes"] or {"": {}}
        for name, change in changes.items():
            rows.add_row(*lead, Text(plain(name)), _side(change, "old", "red"), _side(change, "new", "green"))
            lead = [Text()] * 3
    shown = f"the last {count(len(entries), 'change')}" if more else count(len(entries), "change")
    parts: list[RenderableType] = [Text.assemble((plain(user_id), "bold"), f": {shown}"), Text(), rows]
    if more:
        parts += [Text(), Text("There are older ones: --limit N.")]
    return Lines(*parts)


def _side(change: JsonObject, side: str, style: str) -> Text:
    return Text(plain(json_line(change[side])), style=style) if side in change else Text("-", style="dim")
