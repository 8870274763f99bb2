"""What the project costs to run, measured beside its peers; `make bench`."""
