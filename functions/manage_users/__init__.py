"""`/users/{userId}`: reads, changes and deletes a user, and shows its history."""
