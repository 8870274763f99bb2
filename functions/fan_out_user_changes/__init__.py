"""Publishes every change in Activity to the topic that further consumers read."""
