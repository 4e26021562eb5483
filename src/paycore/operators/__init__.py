"""Operators: who works at the exception desk, and by which token."""
