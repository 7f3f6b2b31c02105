"""Lists invoices. urllib3 2 under requests 2: the first retry comes at once."""
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

retries = Retry(total=4, backoff_factor=0.5, status_forcelist=[502, 503, 504])
session = requests.Session()
session.mount("http://", HTTPAdapter(max_retries=retries))


def run():
    return session.get("http://billing.internal/invoices", timeout=5)
