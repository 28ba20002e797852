"""The API: its operations as values, its resources as frozen models, its lists page by page."""
