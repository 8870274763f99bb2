"""Work on many users: backfill the history of older ones, claim the keys of imported ones."""
