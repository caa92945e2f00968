"""The store's side of replays: ``streams.replay.store.ReplayStore`` on ClickHouse.

Modules by subject: tables (what a replay keeps) → staging, places, lookup (what goes in) → diff → delta (correction and
undo, made visible) → aggregates, latest (what follows from points) → report (what people ask).
"""

from connectors.sinks.clickhouse.replay.replay_store import ClickHouseReplayStore

__all__ = ["ClickHouseReplayStore"]
