"""Devices, mappings, generations and users: folded from compacted topics."""
