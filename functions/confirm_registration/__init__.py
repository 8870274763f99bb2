"""`POST /register/confirmation`."""
