"""Rules of the ranker: how candidates are found, scored and ordered, and what is known about shoppers."""
