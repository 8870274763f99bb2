"""The durable history of each user: one item per change, written once however often its record comes."""
