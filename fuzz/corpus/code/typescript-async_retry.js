// async-retry: waits are random (once to twice the value) unless switched off; eleven attempts by default (1.3.3).
'use strict';

const retry = require('async-retry');
const axios = require('axios');

async function page(url) {
  // site: retry named=async-retry attempts=11 backoff=exponential(base=1s,multiplier=2) jitter=scale(1,2) timeout=4s
  // rule: HS101
  return retry(async (bail) => {
    const res = await axios.get(url, { timeout: 4000 });
    if (res.status === 403) {
      bail(new Error('forbidden'));
      return;
    }
    return res.data;
  });
}

const pageOnce = (url) =>
  // site: retry attempts=4 backoff=exponential(base=250ms,multiplier=2,cap=1s) jitter=none
  // rule: HS101 HS102
  retry(() => fetch(url), { retries: 3, minTimeout: 250, maxTimeout: 1000, randomize: false });

async function patient(url) {
  const options = {
    retries: 5,
    factor: 1.5,
    minTimeout: 2 * 1000,
  };
  // site: retry attempts=6 backoff=exponential(base=2s,multiplier=1.5) jitter=scale(1,2)
  // rule: HS101
  const body = await retry(async () => (await fetch(url)).text(), options);
  return body.trim();
}

module.exports = { page, pageOnce, patient };
