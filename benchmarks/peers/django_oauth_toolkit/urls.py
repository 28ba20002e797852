"""Its addresses: the toolkit's own, one to sign in at, one that it protects."""

import os

from django.contrib.auth import get_user_model, login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from oauth2_provider.decorators import protected_resource

# oauthlib asks for it; everybody is measured over plain HTTP on loopback.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign the browser in as Alice."""
    login(request, get_user_model().objects.get(username="alice"))
    return HttpResponse("welcome")


@protected_resource(scopes=["account:read"])
def api(request: HttpRequest) -> JsonResponse:
    """The smallest protected endpoint."""
    return JsonResponse({"success": True, "data": {"name": request.path}})


urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("sign-in", sign_in),
    path("api", api),
]
