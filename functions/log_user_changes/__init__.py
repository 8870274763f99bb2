"""The stream's consumer: logs every change of a user and keeps it in Activity."""
