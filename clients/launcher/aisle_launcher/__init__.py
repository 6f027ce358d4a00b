"""Starts NATS and the six services on this machine, keeps them alive and ends them."""
