"""The zone of all tests and of whatever they start: local times are far from UTC, and change twice a year.

Nothing may go by local time; on a machine in UTC, as those of continuous integration are, nobody would see that it does.
"""

ZONE = "Australia/Sydney"
