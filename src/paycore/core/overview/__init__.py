"""What operators see first: how payments go just now, today and where."""
