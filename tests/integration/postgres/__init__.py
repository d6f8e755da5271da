"""The Postgres collectors on servers of each version, in states that hurt."""
