"""Users: what a valid one is, how they are told apart, and how they are stored without ever sharing an email."""
