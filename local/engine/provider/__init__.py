"""`pulumi-resource-aws` for the emulator, which the real engine calls in the place of AWS's own.

plugins/pulumi-resource-aws starts `__main__.py`. emulator_provider.py answers the engine's gRPC
requests: it compares and previews, and local/deploy/resources creates, reads, updates and deletes.
wire_values.py converts the values, and created_resources.py keeps what was created in case the
engine is killed. On AWS the official plugin does this work.
"""
