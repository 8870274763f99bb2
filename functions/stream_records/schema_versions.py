"""The shapes of a user item that this code reads.

A record of another version is set aside whole in the dead-letter queue. Once the code understands the new shape, add
its number here, deploy, and run `python -m ops dlq replay`.
"""

SUPPORTED_SCHEMA_VERSIONS = frozenset({1})

VERSION_WHEN_MISSING = 1
"""Items written before the attribute existed have the first shape."""
