"""Evaluates the stack's alarms as CloudWatch does, on the metrics that the emulator has."""
