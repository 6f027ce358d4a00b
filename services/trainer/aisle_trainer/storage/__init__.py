"""The trainer's system of record."""
