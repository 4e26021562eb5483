"""What every other package may use; imports nothing of ours."""
