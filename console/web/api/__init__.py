"""For programs: what the console knows, as JSON and CSV under ``/api/v1``, described by OpenAPI."""
