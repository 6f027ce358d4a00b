"""The demo: the whole loop on real shop data, told as it happens."""
