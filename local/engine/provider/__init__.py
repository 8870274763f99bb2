"""`pulumi-resource-aws` for the emulator: what the real engine calls where AWS's own plugin would be.

A stand-in for tests and for a local stack without an account. On AWS the official plugin does this work; docs/engine.md
says how the two are kept apart.
"""
