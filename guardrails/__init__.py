"""Rules that every stack keeps, whoever changes it: plain functions over resources.

The tests hold every stack to them, and `pulumi up --policy-pack guardrails` does so where it is run.
"""
