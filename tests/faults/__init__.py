"""Faults, proven: a whole installation under load, something done to it, and every row accounted for afterwards.

`python -m tests.faults` runs every case; see ``__main__``.
"""
