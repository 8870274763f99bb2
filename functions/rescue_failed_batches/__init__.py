"""Fetches the records of batches that the event source mapping gave up on, before the stream forgets them."""
