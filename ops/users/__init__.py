"""Work on many users: backfill the history of those from before the stream, and claim keys of imported ones."""
