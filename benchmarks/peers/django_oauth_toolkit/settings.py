"""The Django project (docs: django-oauth-toolkit, "Installation", "Getting started", "Settings";
Django, "Deployment checklist" and "Databases": the connection pool).
"""

import os
from urllib.parse import urlsplit

THREADS = 16
_database = urlsplit(os.environ["BENCH_DATABASE"])

DEBUG = False
SECRET_KEY = "a key that signs the cookies of this run"
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "benchmarks.peers.django_oauth_toolkit.urls"
WSGI_APPLICATION = "benchmarks.peers.django_oauth_toolkit.wsgi.application"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "oauth2_provider",
]
# Of Django's usual middleware what signing in needs: the pages of a real project have more.
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.path[1:],
        "USER": _database.username,
        "HOST": _database.hostname,
        "PORT": _database.port,
        "OPTIONS": {"pool": {"min_size": THREADS, "max_size": THREADS}},
    }
}
# Sessions are read from memory: the fastest that the documentation calls persistent.
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
LOGGING = {"version": 1, "root": {"level": "ERROR", "handlers": []}}
OAUTH2_PROVIDER = {
    "SCOPES": {"account:read": "Your account", "customers:read": "Your customers"},
    "ROTATE_REFRESH_TOKEN": True,
    "REQUEST_APPROVAL_PROMPT": "auto",
    "PKCE_REQUIRED": True,
}
