"""Pollers: sources that must be asked. What an API answers is the raw record; a cursor keeps what was answered last."""
