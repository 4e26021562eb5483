"""Coupons: lock, use, unlock."""
