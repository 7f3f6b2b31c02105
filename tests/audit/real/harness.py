"""Runs the Python cases under a clock that only sleeping and failing calls move.

    harness.py CASES OUT.json

Every case has a function `run`, which meets a service that never answers well. What it
did is written as {case: [{"starts": […], "ends": […], "finish": s, "stopped": bool}]},
one entry a run: when each attempt began and failed, when `run` gave up, and whether it
had to be made to. All times are seconds of the clock.
"""

import asyncio
import datetime
import importlib.util
import io
import json
import logging
import os
import random
import socket
import sys
import time
import types
import warnings
from pathlib import Path

RUNS = int(os.environ.get("RUNS", "300"))
# A case that is still retrying after so many attempts has no end.
LIMIT = 60
# Seconds that an attempt takes before it fails, in every other run of cases that look at
# the clock: so that both the count and the clock have ended some.
TAKES = {"tenacity_stop_after_delay": 2.5, "stamina_defaults": 4.0, "loop_clock": 0.1}
# Cases whose service answers 503; elsewhere it refuses the connection.
ANSWERS_503 = {"urllib3_retry_backoff", "urllib3_jitter_cap"}


class Unavailable(ConnectionError):
    """What the service's client raises."""


class Stopped(BaseException):
    """Ends a run from outside; no Exception, so that nobody retries it."""


class World:
    now, takes, starts, ends, answers_503 = 0.0, 0.0, [], [], False


def attempt():
    if len(World.starts) == LIMIT:
        raise Stopped
    World.starts.append(World.now)
    World.now += World.takes
    World.ends.append(World.now)


def call(*args, **kwargs):
    attempt()
    raise Unavailable("no answer")


async def acall(*args, **kwargs):
    call()


def sleep(seconds):
    World.now += max(0.0, seconds)


async def async_sleep(seconds, result=None):
    sleep(seconds)
    return result


class FakeDatetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime(2030, 1, 1, tzinfo=tz) + datetime.timedelta(seconds=World.now)


def refuse(*args, **kwargs):
    attempt()
    raise ConnectionRefusedError("connection refused")


def patch():
    """Puts the clock and the failing service below the libraries."""
    import backoff._async
    import backoff._sync
    import botocore.httpsession
    import celery.canvas
    import urllib3.connectionpool
    import urllib3.response
    import urllib3.util.connection
    from botocore.exceptions import EndpointConnectionError

    time.sleep = sleep
    for name in ("time", "monotonic", "perf_counter"):
        setattr(time, name, lambda: World.now)
    asyncio.sleep = async_sleep
    fake = types.SimpleNamespace(datetime=FakeDatetime, timedelta=datetime.timedelta)
    backoff._sync.datetime = backoff._async.datetime = fake

    # Sockets are never opened: urllib3 (and requests above it) meets the refusal itself.
    socket.create_connection = urllib3.util.connection.create_connection = refuse
    make_request = urllib3.connectionpool.HTTPConnectionPool._make_request

    def answer(pool, conn, method, url, **options):
        if not World.answers_503:
            return make_request(pool, conn, method, url, **options)
        attempt()
        return urllib3.response.HTTPResponse(
            io.BytesIO(), status=503, preload_content=False, request_method=method
        )

    urllib3.connectionpool.HTTPConnectionPool._make_request = answer

    def send(session, request):
        attempt()
        raise EndpointConnectionError(endpoint_url=request.url)

    botocore.httpsession.URLLib3Session.send = send

    # An eager task retries itself through `apply`, without waiting for its countdown.
    apply = celery.canvas.Signature.apply

    def wait_and_apply(signature, *args, **options):
        sleep(signature.options.get("countdown") or 0)
        return apply(signature, *args, **options)

    celery.canvas.Signature.apply = wait_and_apply


def run_once(path):
    """Runs the case from its import on, so that no state outlives a run."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    World.now, World.starts, World.ends = 0.0, [], []
    stopped = False
    try:
        spec.loader.exec_module(module)
        # A celery task is run in this process.
        result = getattr(module.run, "apply", module.run)()
        if asyncio.iscoroutine(result):
            asyncio.run(result)
    except Stopped:
        stopped = True
    except Exception as error:
        if not World.starts:
            raise SystemExit(f"{path.name}: failed before its first attempt: {error!r}")
    return {"starts": World.starts, "ends": World.ends, "finish": World.now, "stopped": stopped}


def main():
    cases, out = Path(sys.argv[1]), Path(sys.argv[2])
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    os.environ.update(AWS_ACCESS_KEY_ID="id", AWS_SECRET_ACCESS_KEY="secret")
    real_time = time.monotonic
    patch()
    sys.modules["downstream"] = types.SimpleNamespace(call=call, acall=acall, Unavailable=Unavailable)
    observed = {}
    for path in sorted(cases.glob("*.py")):
        random.seed(path.stem)
        # A patched case is like the one that it was: `name__3`.
        case = path.stem.split("__")[0]
        World.answers_503 = case in ANSWERS_503
        began = real_time()
        observed[path.name] = []
        for run in range(RUNS):
            World.takes = TAKES.get(case, 0.0) * (run % 2)
            observed[path.name].append(run_once(path))
        if "--times" in sys.argv:
            print(f"{path.stem} {real_time() - began:.1f} s", file=sys.stderr)
    out.write_text(json.dumps(observed))


main()
