"""The garbage collector's thresholds in Lambda; every handler imports this module first.

Loading botocore makes some 87,000 objects that stay for good, and each collection meanwhile
inspects them in vain. Measurements: docs/decisions/0014-garbage-collected-rarely.md. Outside Lambda
Python's own thresholds stay.
"""

import gc
import os

_IN_LAMBDA = "AWS_LAMBDA_FUNCTION_NAME" in os.environ

if _IN_LAMBDA:
    gc.set_threshold(150_000, 20, 100)


def freeze_loaded_objects() -> None:
    """Exempt the present objects from collection, and collect later ones more often again."""
    if _IN_LAMBDA:
        gc.freeze()
        gc.set_threshold(20_000, 20, 100)
