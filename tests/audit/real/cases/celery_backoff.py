"""Sends a receipt by mail. celery 5: whole seconds, both ends included."""
from celery import Celery

from downstream import Unavailable, call

app = Celery("mails", broker="memory://")


@app.task(autoretry_for=(Unavailable,), max_retries=5, retry_backoff=2, retry_backoff_max=20)
def run():
    call("SMTP receipt")
