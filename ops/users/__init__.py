"""Work on many users: backfill the history of older ones, hold their three tables together."""
