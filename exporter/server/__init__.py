"""HTTP: /metrics, health, reload, and a page for people."""
