"""Sinks: what Slack, PagerDuty, a mail server and a dead man's switch would have received."""
