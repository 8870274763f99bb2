"""The live view: what became of a user's changes, step by step, beside the form the local stack serves. Local only."""
