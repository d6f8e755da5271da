"""The living demo: a small product with customers, stand-ins for its vendors, and sinks for notifications."""
