"""All that a stack holds of a person, as one JSON document.

    {"exportVersion": 1, "environment": "dev", "userId": "...", "exportedAt": "...",
     "complete": true,
     "places": [{"place": "activity", "service": "DynamoDB", "resource": "Activity-dev",
                 "items": [{"at": {"userId": "...", "changeId": "..."}, "content": {...}}],
                 "unread": null}],
     "elsewhere": [{"place": "backups", "resource": "Users-dev", "holds": "...", "until": "..."}]}

`complete` says that no place has anything `unread`.
"""

from datetime import UTC, datetime

from functions.runtime.json_log import JsonObject, utc_timestamp
from ops.aws.services import Services
from ops.job import Job
from ops.person.elsewhere import elsewhere
from ops.person.place import Place
from ops.person.places import places_of

EXPORT_VERSION = 1


def export_person(services: Services, user_id: str, job: Job) -> JsonObject:
    """Return the document; nothing is changed, and messages become visible again."""
    now = datetime.fromtimestamp(job.now(), UTC)
    places = places_of(services)
    read: list[JsonObject] = []
    for place in places:
        read.append(_place_json(place, user_id, job))
        job.report_progress(len(read), len(places))
    return {
        "exportVersion": EXPORT_VERSION,
        "environment": services.outputs.environment,
        "userId": user_id,
        "exportedAt": utc_timestamp(now),
        "complete": all(place["unread"] is None for place in read),
        "places": read,
        "elsewhere": [
            {"place": one.name, "resource": one.resource, "holds": one.holds, "until": one.until}
            for one in elsewhere(services, now)
        ],
    }


def _place_json(place: Place, user_id: str, job: Job) -> JsonObject:
    reading = place.read(user_id, job)
    return {
        "place": place.name,
        "service": place.service,
        "resource": place.resource,
        "items": [{"at": finding.location, "content": finding.content} for finding in reading.findings],
        "unread": reading.unread,
    }
