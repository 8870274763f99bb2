"""One person's data: find it, show it, export it; `places` lists where the stack may hold it."""
