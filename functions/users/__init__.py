"""Users: their rules, and a store in which no two share an email or a username."""
