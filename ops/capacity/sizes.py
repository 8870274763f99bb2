"""How many bytes and items one request, one change and one invocation leave behind.

The first group is what the functions write for ordinary names and addresses; a test measures it anew. The second group
is written by AWS.
"""

USER_BYTES = 300
"""One item of Users: 36 bytes of id, name, e-mail address, user name, two moments, the registration's digest."""

KEYS_PER_USER = 2
"""Items of UserKeys: one for the e-mail address, one for the user name."""

KEY_BYTES = 90
"""One of them: the value with its prefix, and the user's id."""

ACTIVITY_BYTES = 470
"""One Activity item with its changed fields, that of a registration or a deletion; an update's is smaller."""

REGISTRATION_LOG_BYTES = 450
"""The log line of a registration or a deletion."""

UPDATE_LOG_BYTES = 960
"""The two log lines of an update: the image before and the image after."""

STREAM_RECORD_BYTES = 900
"""One record with both images, as GetRecords and an invocation's event hold it."""

ACCESS_LOG_BYTES = 350
"""API Gateway's line of one request: the fields of infra/user_api.py."""

REQUEST_LOG_BYTES = 250
"""The API functions' own line of one request."""

INVOCATION_LOG_BYTES = 300
"""Lambda's own START, END and REPORT lines of one invocation."""

ANSWER_BYTES = 1000
"""One answer on its way to the caller, headers included. An estimate."""

SQS_REQUESTS_PER_FAILED_RECORD = 6
"""Pointer sent, received and deleted; failed record sent, received and deleted by the operator who replays it."""
