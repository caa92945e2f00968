"""The local stack: real servers and our processes under one supervisor, without Docker or root."""
