"""What runs in AWS Lambda: a package per function, and what they share, named by what it is."""
