"""The API's two smallest endpoints in Starlette, without any check, and how they are started."""
