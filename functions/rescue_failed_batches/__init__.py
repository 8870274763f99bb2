"""Sends batches that the event source mapping gave up on to the dead-letter queue."""
