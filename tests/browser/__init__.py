"""A package for pytest too, so that the fixture `browser` ends with the last of these tests."""
