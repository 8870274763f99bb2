"""`pulumi-resource-aws` for the emulator, which the real engine calls in the place of AWS's own.

plugins/pulumi-resource-aws starts `__main__.py`. servicer.py answers the engine's gRPC requests:
wire_values.py converts their values, emulator_provider.py compares and previews, and
local/deploy/resources creates, reads, updates and deletes. created_resources.py keeps what was
created in case the engine is killed. On AWS the official plugin does this work.
"""
