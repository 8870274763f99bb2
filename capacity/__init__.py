"""The capacity model: what the stack costs and which limit it reaches first, at a given size.

workload           the demand, the settings that matter, what each change writes, and how long the
                   functions take, which `make bench` measured (service_times.json)
prices_and_limits  AWS's published prices and limits, each with its source (prices_and_limits.json)
stack_settings     reads the settings from Pulumi.<stack>.yaml
arrivals           random changes over virtual time
simulation         one shard's delivery in virtual time, with the decisions of `delivery`
quiet_delivery     the same as long as nothing fails, which takes a fifth of the time
simulated_delivery what both return
limits             how much of each limit is used, and what moves it
consumers          load, limits and cost of each declared consumer
cost               the monthly bill, line by line
report             all of it: start at `capacity_report`

docs/capacity.md says how accurate the model is. Imports `delivery`, `functions`, and of `infra` the
settings and the consumers; `python -m ops capacity` and the benchmarks use it.
"""
