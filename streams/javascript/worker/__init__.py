"""The process that runs vendors' JavaScript: ``main.main``.

Single-threaded, because QuickJS measures the CPU time of the whole process. It imports nothing but this package, has no
environment, and once the engine is loaded it can open no file and no socket: what a codec could break out into is empty.

Requests come on stdin, answers go to stdout, both as two lengths and two parts (``process.py`` is the other end):
a header (JSON), and the calls, which go to JavaScript as they are: float64 in the order of this machine, first how many
there are, then of each its length, the length of what is told of its sender (0: nothing), port and time (ms); behind them
payload and sender (ASCII JSON) of each. Answers are JSON for the same reason, and come in groups as soon as they are known, in
order; the header of a group tells how many calls it answers. A header with ``loading`` or ``loaded`` says only that.
"""
