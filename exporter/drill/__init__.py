"""Drills: marked alerts through the real Alertmanager, and what arrived of them."""
