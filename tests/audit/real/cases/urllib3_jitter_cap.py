"""Downloads an attachment. urllib3 2: jitter in seconds, capped afterwards."""
import urllib3

POLICY = urllib3.Retry(
    total=7,
    status_forcelist={503},
    backoff_factor=0.4,
    backoff_max=9,
    backoff_jitter=4,
)
http = urllib3.PoolManager(retries=POLICY, timeout=urllib3.Timeout(connect=1, read=10))


def run():
    return http.request("GET", "http://mail.internal/attachments/3")
