"""The kinds of AWS resource a local stack can hold: one module per service, each kind over the service's public API.

One implementation, two fronts: the deployment in process (local/deploy/deployment.py) and the provider plugin for the
real engine call the same create, read, update and delete.
"""
