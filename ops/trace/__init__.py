"""What one request did, from its answer to the last consumer: `python -m ops trace`."""
