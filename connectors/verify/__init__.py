"""Compares the log with the store: what the pure core makes of `raw` against what a person would query."""
