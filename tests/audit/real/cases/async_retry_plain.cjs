// Publishes a page. async-retry 1.3 with everything said.
const retry = require('async-retry');
const { call } = require('./downstream.cjs');

const RETRIES = 4;

exports.run = function run() {
  return retry(() => call('POST /pages'), {
    retries: RETRIES,
    factor: 2,
    minTimeout: 500,
    maxTimeout: 3000,
    randomize: false,
  });
};
