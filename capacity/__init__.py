"""What the stack costs and which limit it meets first, at a size that is not there yet."""
