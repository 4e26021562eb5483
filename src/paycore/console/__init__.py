"""The operators' console: serves the page that is built from `web/`."""
