"""django-oauth-toolkit in a Django project of its own, and how it is started."""
