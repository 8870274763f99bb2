"""Every test of the project; `support` is what tests share."""
