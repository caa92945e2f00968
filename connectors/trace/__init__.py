"""One message followed through everything that was made of it: raw, decoding, log, store, sinks, replays."""
