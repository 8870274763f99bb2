"""The history of each user: one Activity item per change."""
