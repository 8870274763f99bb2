"""A stack's health in one object: `stack` reads it, `parts` are what it is made of."""
