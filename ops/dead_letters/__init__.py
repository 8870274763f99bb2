"""Work on the dead-letter queue: peek, select, replay, export, discard, restore; and on the pointers before it."""
