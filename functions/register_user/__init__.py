"""`POST /register`."""
