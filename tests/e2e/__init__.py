"""Tests of the whole chain, from a fault to the notification."""
