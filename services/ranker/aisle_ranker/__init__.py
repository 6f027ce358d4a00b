"""The ranker: answers shoppers inside the caller's deadline."""
