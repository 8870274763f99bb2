"""The Pulumi program: one component per file, composed in program.py."""
