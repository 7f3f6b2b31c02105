// The npm package retry: operation() with options, with a list of waits, for ever (retry 0.12, 0.13).
const retry = require('retry');
const dns = require('dns');

function resolve(address, done) {
  // site: retry attempts=4 backoff=exponential(base=1s,multiplier=3,cap=1m) jitter=none
  // rule: HS101 HS102
  const operation = retry.operation({
    retries: 3,
    factor: 3,
    minTimeout: 1 * 1000,
    maxTimeout: 60 * 1000,
  });
  operation.attempt(() => {
    dns.resolve(address, (err, addresses) => {
      if (operation.retry(err)) return;
      done(err ? operation.mainError() : null, addresses);
    });
  });
}

function resolveListed(address, done) {
  // site: retry attempts=4 backoff=table(100ms,500ms,2s) jitter=none
  const op = retry.operation([100, 500, 2000]);
  op.attempt(() => dns.resolve(address, (err, found) => op.retry(err) || done(err, found)));
}

function resolveByDefault(address, done) {
  // site: retry attempts=11 backoff=exponential(base=1s,multiplier=2) jitter=none
  // rule: HS101 HS102
  const op = retry.operation();
  op.attempt(() => dns.resolve(address, (err, found) => op.retry(err) || done(err, found)));
}

module.exports = { resolve, resolveListed, resolveByDefault };
