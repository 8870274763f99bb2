"""The commands of `python -m local`; local/cli.py lists them."""
