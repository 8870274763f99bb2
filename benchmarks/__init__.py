"""What the project costs to run, measured beside its peers, and what it would cost at any size.

`make bench` runs `__main__.py`, which writes docs/performance.md from these scenarios:

    scenarios/functions.py         cold starts, peak memory, package sizes, warm processor time
    scenarios/local_stack.py       poller, rescue, replay and backfill on a local stack
    scenarios/growth.py            peak memory of rescue, replay and backfill at growing sizes

`make capacity` writes docs/capacity.md: scenarios/capacity_tables.py from the model in capacity/,
and scenarios/delivery_check.py from the same deliveries in the model and on a local stack.

A scenario runs its contestants (contestants.py), each in a process of its own (contestant.py) with
the same events (events.py) and AWS stubbed (aws_stub.py), held to the same work and measured in
turn. It returns the rows of its table; report.py makes tables and the sections of the pages,
plots.py the pictures. peers/ has the contestants that are not ours. The times that the capacity
model needs are kept in capacity/service_times.json.

The benchmarks may import every package but tests; only their own tests import them. Start reading
at `__main__.py` and scenarios/functions.py.
"""
