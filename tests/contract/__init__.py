"""Tests that parts agree with each other and with the outside: names, schemas, other tools' checkers."""
