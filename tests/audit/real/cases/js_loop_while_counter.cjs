// Puts an object into the store.
const { promisify } = require('node:util');
const { call } = require('./downstream.cjs');

const pause = promisify(setTimeout);

exports.run = async function run() {
  let remaining = 4;
  let wait = 100;
  while (remaining > 0) {
    try {
      return await call('PUT /objects/1');
    } catch (error) {
      remaining--;
      if (remaining === 0) throw error;
      await pause(wait);
      wait *= 2;
    }
  }
};
