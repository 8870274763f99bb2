"""What is measured: one module per section of docs/performance.md, each with `measure() -> list[Outcome]`."""
