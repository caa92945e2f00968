"""The main job, shown: a fleet through the real doors into every sink, and the proof that nothing got lost."""
