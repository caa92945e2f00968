"""Whole registries: snapshots, and what comes from other systems."""
