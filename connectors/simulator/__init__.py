"""A seeded fleet of devices that drives the real doors."""
