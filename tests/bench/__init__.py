"""Measurements with a bound; `make bench` runs them."""
