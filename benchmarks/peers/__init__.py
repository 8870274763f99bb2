"""The same work done with other frameworks, and by hand."""
