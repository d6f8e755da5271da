"""The platform file: its model, how it is read, and how its mistakes are told."""
