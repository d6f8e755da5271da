"""Collects from sources on their own schedules and keeps the answer to /metrics ready."""
