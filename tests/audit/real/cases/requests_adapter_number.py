"""Reads a setting. requests 2: a number means connects only, at once."""
import requests
from requests.adapters import HTTPAdapter

http = requests.Session()
http.mount("http://", HTTPAdapter(max_retries=3))


def run():
    return http.get("http://config.internal/settings/theme", timeout=(1, 3)).json()
