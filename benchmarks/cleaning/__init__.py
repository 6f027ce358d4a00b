"""Inputs and measures of the figures about cleaning: real data with planted truth."""
