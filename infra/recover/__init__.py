"""`python -m infra.recover`: complete what a killed `pulumi up` began, described in docs/engine.md.

A killed engine knows from its state which resources it began to create (pending operations), and
not which of them exist. The next `up` would create each again and stop at the first whose name is
taken.

1. pulumi_cli.py exports the stack's state, in which secrets stay encrypted.
2. state.py reads the pending operations: a type and the inputs, with the resource's name.
3. lookups.py asks AWS for each. What carries another stack's tags stops the command before
   anything changes.
4. `pulumi import` adds what exists to the state, one resource at a time.
5. The state without its pending operations is written back. `up` creates the rest.

Killed itself, it leaves the pending operations until step 5, and the next run skips what is in the
state already. The Pulumi SDK isn't imported here: the program doesn't run.
"""
