"""Records that can't be processed: their envelope, and the dead-letter queue."""
