"""`/users/{userId}`: read, change, delete, and what happened to one user."""
