"""What is measured: each module fills sections of docs/performance.md or docs/capacity.md."""
