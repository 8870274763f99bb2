"""A consumer of users' changes: publishes each as an event for other teams (docs/events.md)."""
