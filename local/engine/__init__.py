"""The real Pulumi engine on this machine, without an account: its CLI, the Automation API and the emulator."""
