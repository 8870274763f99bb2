"""The whole stack on one machine: `make up`, or `python -m local up`."""
