"""The old Django app: makes real sessions. Run as a program, as Django is configured once in a process.

``django_old_app.py '{"settings": {…}, "steps": [["set", null], ["get", COOKIE], …]}'`` prints, for each step, the
cookie and what the session had in it.
"""

import json
import sys

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpRequest, JsonResponse
from django.urls import path

VALUES = {"cart": ["tea", {"n": 2}], "who": "Ann é", "none": None}


def put(request: HttpRequest) -> JsonResponse:
    request.session.update(VALUES)
    request.session["_auth_user_id"] = "42"
    return JsonResponse({})


def get(request: HttpRequest) -> JsonResponse:
    return JsonResponse(dict(request.session))


urlpatterns = [path("set", put), path("get", get)]

if __name__ == "__main__":
    task = json.loads(sys.argv[1])
    settings.configure(
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["django.contrib.sessions"],
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        **task["settings"],
    )
    django.setup()
    call_command("migrate", verbosity=0)
    from django.test import Client

    answers = []
    for page, cookie in task["steps"]:
        client = Client()
        if cookie:
            client.cookies["sessionid"] = cookie
        body = client.get(f"/{page}").json()
        answers.append([client.cookies["sessionid"].value if "sessionid" in client.cookies else None, body])
    print(json.dumps(answers))
