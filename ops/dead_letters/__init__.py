"""Work on the dead-letter queue: peek, select, replay, export, restore."""
