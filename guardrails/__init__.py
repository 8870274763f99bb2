"""Rules that every stack must keep: checks of a stack's resources, for tests and for `pulumi up`.

A rule is a decorated check. Its name is the function's, its description is the docstring (one
"must" sentence), and it yields a message with what to do for each resource that breaks it.

- Start with resource.py: Resource, the type tokens, and Rules with its decorators.
- data_protection, access, delivery, alarms, edge, limits and every_resource have the rules.
- rules.py lists them.

How a rule reaches `pulumi up`: `__main__.py` makes a mandatory policy of each rule, and
`pulumi up --policy-pack guardrails` runs it. Rules that take unknowns already run in a preview.
How it reaches the tests: tests/stack record what the program registers for dev, prod and local and
check that no rule finds anything, then break each rule once. aws_types checks the properties' names
and types there and in the local stack; in an account AWS's own plugin does.

To add one: write the check in the module of its topic, under `@RULES.for_resource(TYPE)`, or under
`@RULES.for_stack` if it compares resources, and add a case to tests/stack/test_guardrails.py.

The package imports Pulumi's SDKs and botocore's models, and nothing else of the project: a rule
that shared a constant with the program could not find it wrong.
"""
