"""The command line of the people who run userstream: `python -m ops`, described in docs/ops.md."""
