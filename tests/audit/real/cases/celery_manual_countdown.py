"""Resizes a picture. celery 5: the wait is worked out by hand, max_retries stays at 3."""
from celery import shared_task

from downstream import Unavailable, call


@shared_task(bind=True)
def run(self):
    try:
        call("POST /thumbnails")
    except Unavailable as exc:
        raise self.retry(exc=exc, countdown=5 * 2 ** self.request.retries)
