"""What the consumers of users' changes share: their messages, and the processing of a batch.

A consumer's handler is written with `functions.consumers.runtime`; see docs/extending.md.
"""
