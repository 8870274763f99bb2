"""local.stream_poller."""
