"""What becomes of a record that can't be processed: one envelope, whole, in the dead-letter queue."""
