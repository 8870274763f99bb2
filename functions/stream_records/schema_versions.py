"""The versions of a user item (its `schemaVersion`) that the stream's consumer can read.

A record of another version goes whole to the dead-letter queue. Once the code understands the new
form, add its number here, deploy, and run `python -m ops dlq replay`. Only then raise
SCHEMA_VERSION in users/dynamodb_store.py: a test holds the version written there to these.
"""

SUPPORTED_SCHEMA_VERSIONS = frozenset({1})

VERSION_WHEN_MISSING = 1
"""Items written before the attribute existed have the first form."""
