"""What runs in AWS Lambda: a package per function, and what they share, named by what it is."""

import gc
import os

# Ahead of all other imports, since these make most objects of a function's life, and keep them. Each collection looks
# through them again in vain: docs/decisions/0014-garbage-collected-rarely.md. Elsewhere Python's own hold.
if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    gc.set_threshold(150_000, 20, 100)


def keep_what_was_loaded() -> None:
    """Spare what is there the collector's looks for good, and have it look at what comes after more often again."""
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        gc.freeze()
        gc.set_threshold(20_000, 20, 100)
