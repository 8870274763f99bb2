"""The registration page on this machine, with a live view of a user's changes. Never deployed."""
