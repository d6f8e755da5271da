"""Tests of one module each; no servers."""
