"""Refunds: money that goes back by the leg that was charged."""
