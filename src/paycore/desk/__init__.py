"""The exception desk."""
