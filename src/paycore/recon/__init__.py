"""Reconciliation (对账): whether our book and the channels' agree, day by day."""
