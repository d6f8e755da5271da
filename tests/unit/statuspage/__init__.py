"""The status page: its levels, its state machine, and what it asks of Statuspage."""
