"""ClickHouse's engine (chDB) in a process of its own, behind ClickHouse's HTTP interface.

Unchanged clients and curl talk to it as to a server. It has no users, quotas or replication and listens on loopback only.
Requests flow through the modules in this order: app → request → statement → work → engine → answer.
"""
