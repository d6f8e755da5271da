"""Dashboards of whole and of partial platforms: valid, complete, and about what the platform really has."""
