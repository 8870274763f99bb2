"""The real Pulumi engine on this machine: `python -m local.engine`, described in docs/engine.md.

1. pulumi_cli/install puts the Pulumi CLI at .engine/bin/pulumi (`make engine`).
2. cli.py reads the command; workspace.py prepares a folder with the stack's files and state, and an
   environment in which the CLI sees neither the user's account nor the user's stacks.
3. The Automation API starts the engine. The program is inline: this process is its language host.
4. The engine finds its plugins in plugins/, first on PATH. `pulumi-resource-aws` runs provider.py,
   which creates the resources in the emulator with the code of local/deploy, and wire_values.py
   converts the values. `pulumi-analyzer-policy-python` runs guardrails/ as a policy pack.
5. If an engine was killed, `cancel` finds what it created and didn't record (recovery.py).
"""
