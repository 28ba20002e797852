"""What gunicorn runs (docs: Django, "How to use Django with Gunicorn")."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.django_oauth_toolkit.settings"
application = get_wsgi_application()
