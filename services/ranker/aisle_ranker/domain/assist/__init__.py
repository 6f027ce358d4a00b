"""Rules of customer service: understanding a message and finding words that answer it."""
