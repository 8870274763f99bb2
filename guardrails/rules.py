"""The list of all rules, which the policy pack and the tests share."""

from guardrails import access, alarms, data_protection, delivery, edge, every_resource, limits
from guardrails.resource import Rule

RULES: list[Rule] = [
    *data_protection.RULES,
    *access.RULES,
    *delivery.RULES,
    *alarms.RULES,
    *edge.RULES,
    *every_resource.RULES,
    *limits.RULES,
]
