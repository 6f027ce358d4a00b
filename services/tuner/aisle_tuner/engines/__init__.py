"""Optuna and the trainer, for the process in which a study runs."""
