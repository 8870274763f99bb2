"""How contestants are run and timed: the same input, AWS stubbed, and each a process of its own."""
