"""Thin Faust agents around the pure core."""
