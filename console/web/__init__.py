"""Pages and the API, rendered on the server."""
