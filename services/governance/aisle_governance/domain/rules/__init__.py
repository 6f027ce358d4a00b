"""Small rules that keep, change or put aside rows; each states its name, its parameters and what it did."""
