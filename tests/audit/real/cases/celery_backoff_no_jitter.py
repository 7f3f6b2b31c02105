"""Rebuilds a search index. celery 5: retry_backoff=True is one second."""
from celery import shared_task

from downstream import call


@shared_task(
    autoretry_for=(Exception,),
    retry_backoff=True,
    retry_jitter=False,
    retry_kwargs={"max_retries": 6},
)
def run():
    call("POST /index/rebuild")
