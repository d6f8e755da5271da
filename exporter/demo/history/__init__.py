"""Thirty days that the demo did not live through, written into Prometheus so that every view has something to tell."""
