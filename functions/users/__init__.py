"""Users: their attributes and rules, and a store in which no two share a unique value."""
