"""`/users`: finds, lists, reads, changes and deletes users, and shows a user's history."""
