"""Tests of one part against the real server that it speaks to."""
