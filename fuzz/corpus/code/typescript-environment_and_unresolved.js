// Numbers from the environment, with and without a default, and options of the caller.
const axios = require('axios');
const axiosRetry = require('axios-retry').default;

const client = axios.create({ timeout: 1000 });
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

// site: retry attempts=4 attempts.how=default backoff=linear(100ms) jitter=none timeout=1s
// rule: HS101 HS102
axiosRetry(client, {
  retries: Number(process.env.HTTP_RETRIES || 3),
  retryDelay: axiosRetry.linearDelay(),
  shouldResetTimeout: true,
});

async function send(call, options) {
  // site: retry attempts=? attempts.how=unresolved backoff=?
  for (let i = 0; i < options.attempts; i++) {
    try {
      return await call();
    } catch (e) {
      await sleep(options.wait);
    }
  }
  throw new Error('gave up');
}

async function sendByEnv(call) {
  const attempts = parseInt(process.env.SEND_ATTEMPTS ?? '6', 10);
  // site: retry attempts=6 attempts.how=default backoff=fixed(2s) jitter=none
  // rule: HS101 HS102
  for (let i = 1; ; i++) {
    try {
      return await call();
    } catch (e) {
      if (i >= attempts) throw e;
      await sleep(2 * 1000);
    }
  }
}

module.exports = { client, send, sendByEnv };
