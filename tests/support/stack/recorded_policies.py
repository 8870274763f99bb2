"""The policy documents that a recorded stack registers."""

import json

from guardrails.access import policy_documents
from tests.support.stack.recorded_stack import RecordedStack


def policies_of(stack: RecordedStack) -> dict[str, str]:
    """Return every policy document of a stack as JSON, by resource and property."""
    return {
        f"{resource.type} {resource.name}, {path}": json.dumps(document)
        for resource in stack.resources
        for path, document in policy_documents(resource.inputs)
    }
