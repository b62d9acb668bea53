"""Number formats in NumPy, each with its specification. Knows nothing of files or models."""
