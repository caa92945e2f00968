"""Replays towards people and the world: the process that runs them, its office at the API, reports, corrections to sinks."""
