"""`person find`, `show` and `export`: who is it, what is known, and all that the stack holds."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import RenderableType
from rich.text import Text

from functions.runtime.json_log import JsonObject, json_line
from functions.users.attributes import ATTRIBUTES
from functions.users.user import keys_of
from ops.context import CommandContext, OpsCommand, pass_command_context
from ops.dead_letters.export import new_file
from ops.errors import WrongUsageError
from ops.layout import blocks, facts, table
from ops.output import argument, camel_json, count, printable, value_text
from ops.person.elsewhere import Remainder
from ops.person.export import export_person
from ops.person.find import BY_ID, KnownUser, find, find_one, nobody, search_names


def person_argument(command: Callable[..., None]) -> Callable[..., None]:
    """Add `USER [--by NAME]`, given as `value` and `by`."""
    names = search_names()
    by = click.option(
        "--by", metavar="NAME", type=click.Choice(names), help=f"What USER is: {', '.join(names)}. Without it: any."
    )
    return click.argument("value", metavar="USER")(by(command))


@click.command("find", cls=OpsCommand)
@person_argument
@pass_command_context
def find_person(context: CommandContext, *, value: str, by: str | None) -> None:
    """Find the user with this id, or with a unique value such as the email, in any of its forms.

    Of a deleted user, the id tells when the user was deleted, and by whom.
    """
    users = find(context.services, value, by)
    if not users:
        raise nobody(value)
    context.finish(
        {"users": [_summary(user) for user in users]},
        lambda: blocks(
            table(
                ("User", "By", "State", "Changes", "Last change"),
                [
                    (
                        user.user_id,
                        ", ".join(user.found_by),
                        _state(user),
                        f"{user.changes:,}",
                        user.last_change or "",
                    )
                    for user in users
                ],
                right=("Changes",),
            ),
            context.next_steps(*_next(users[0].user_id)),
        ),
    )


@click.command("show", cls=OpsCommand)
@person_argument
@pass_command_context
def show_person(context: CommandContext, *, value: str, by: str | None) -> None:
    """Show a user as stored, the keys of the unique values, and the history in short.

    Only the tables are read: `person export` goes through queues and buckets too.
    """
    user_id = find_one(context.services, value, by)
    found = find(context.services, user_id, BY_ID)
    if not found:
        raise nobody(value)
    (user,) = found
    values = {each.name: user.item[each.name] for each in ATTRIBUTES if user.item and each.name in user.item}
    keys = keys_of({name: text for name, text in values.items() if isinstance(text, str)})
    owners = context.services.user_keys().owners([*keys.values()])
    held = {name: owners.get(key) for name, key in keys.items()}
    data = _summary(user) | {"user": user.item, "keys": {name: owner == user_id for name, owner in held.items()}}
    context.finish(data, lambda: _render_user(context, user, held))


def _render_user(context: CommandContext, user: KnownUser, held: dict[str, str | None]) -> RenderableType:
    values = ((name, value_text(json_line(value))) for name, value in (user.item or {}).items())
    rows = [(name, value, _key_words(user, name, held)) for name, value in values]
    return blocks(
        Text.assemble((printable(user.user_id), "bold"), f": {_state(user)}"),
        table(("Attribute", "Value", "Key"), rows) if rows else None,
        facts(
            ("history", f"{count(user.changes, 'change')}, {user.first_change} to {user.last_change}")
            if user.changes
            else ("history", "no change"),
        ),
        context.next_steps(*_next(user.user_id)),
    )


def _key_words(user: KnownUser, name: str, held: dict[str, str | None]) -> str:
    if name not in held:
        return ""
    owner = held[name]
    return "none" if owner is None else "held" if owner == user.user_id else f"of {owner}"


@click.command("export", cls=OpsCommand)
@person_argument
@click.option(
    "--file", "path", metavar="FILE", type=click.Path(path_type=Path), help="A new file that only you can read."
)
@pass_command_context
def export(context: CommandContext, *, value: str, by: str | None, path: Path | None) -> None:
    """Write one JSON document with all that the stack holds of a user, and where each thing is.

    That is the stored user, keys, history, failed records, and changes on their way. What can't be
    searched for one user, such as backups and logs, is listed with when it is gone. Nothing is
    removed. Exit code 1 says that something could not be read, and what.

    A message in flight elsewhere isn't seen. Looking at a queue hides its messages for a moment
    and counts as one of the five times that a consumer may receive a change.
    """
    if path is not None and path.exists():
        raise WrongUsageError(f"{path} exists", "name another file: an earlier export is never overwritten")
    user_id = find_one(context.services, value, by)
    with context.job("Reading") as job:
        document = export_person(context.services, user_id, job)
    unfinished = not document["complete"]
    if path is None:
        context.output = replace(context.output, as_json=True)
        context.finish(document, Text, unfinished=unfinished)
        return
    with new_file(path) as file:
        file.write(json.dumps(document, indent=2))
    context.finish(_outline(document, path), lambda: _render_export(document, path), unfinished=unfinished)


def _outline(document: JsonObject, path: Path) -> JsonObject:
    """Return what is printed of a document that is in a file: no value of the person."""
    places = [{**place, "items": len(place["items"])} for place in document["places"]]
    return {**document, "places": places, "file": str(path)}


def _render_export(document: JsonObject, path: Path) -> RenderableType:
    places: list[Any] = document["places"]
    rows = [(place["place"], place["resource"], f"{len(place['items']):,}", place["unread"] or "") for place in places]
    rest = [Remainder(one["place"], one["resource"], one["holds"], one["until"]) for one in document["elsewhere"]]
    return blocks(
        Text("Written to a file that only you can read.", style="bold"),
        facts(("file", str(path))),
        places_table(rows, "Items", "Not read"),
        "Not in the document, because it can't be searched for one user:",
        remainders_table(rest),
    )


def places_table(rows: Sequence[tuple[str, str, str, str]], number: str, rest: str) -> RenderableType:
    """Return places with a number each, and with what is wrong there, if anything is anywhere."""
    headings = ("Place", "Resource", number, rest)
    shown = len(headings) if any(row[-1] for row in rows) else len(headings) - 1
    return table(headings[:shown], [row[:shown] for row in rows], right=(number,))


def remainders_table(rest: Iterable[Remainder]) -> RenderableType:
    """Return what can't be searched or erased; resources of which the same holds share a row."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for one in rest:
        alike.setdefault((one.name, one.until or "", one.holds), []).append(one.resource)
    rows = [(place, Text("\n".join(map(printable, names))), *said) for (place, *said), names in alike.items()]
    return table(("Place", "Resource", "Gone by", "Holds"), rows)


def _summary(user: KnownUser) -> JsonObject:
    return {
        "userId": user.user_id,
        "foundBy": [*user.found_by],
        "state": user.state,
        "changes": user.changes,
        "firstChange": user.first_change,
        "lastChange": user.last_change,
        "deleted": camel_json(user.deleted),
        "erased": camel_json(user.erased),
    }


def _state(user: KnownUser) -> str:
    ending = user.erased if user.state == "erased" else user.deleted if user.state == "deleted" else None
    if ending is None:
        return user.state
    return f"{user.state} {ending.occurred_at or ''} by {ending.actor or 'an unknown caller'}"


def _next(user_id: str) -> tuple[str, ...]:
    user = argument(user_id)
    return (f"activity {user}", f"person export --by id --file FILE {user}")
