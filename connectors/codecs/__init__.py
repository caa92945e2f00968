"""Payload codecs as people handle them: read from files, tried out by their examples, told what a new one calls for."""
