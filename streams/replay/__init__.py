"""Replay: raw records again through today's decoders and mappings, compared with the store, then applied or undone."""
