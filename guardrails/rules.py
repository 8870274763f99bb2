"""All the rules: those of the policy pack, and those besides that need no pack."""

from guardrails import access, alarms, data_protection, delivery, limits, reviewed_types, tags
from guardrails import aws_types as properties
from guardrails.resource import Rule

PACK: list[Rule] = [
    *data_protection.RULES,
    *access.RULES,
    *delivery.RULES,
    *alarms.RULES,
    *tags.RULES,
    *limits.RULES,
    *reviewed_types.RULES,
]
"""What `pulumi up --policy-pack guardrails` holds a stack to."""

ALL: list[Rule] = [*PACK, *properties.RULES]
"""The same, and the types of properties: in the account AWS's own plugin checks those."""
