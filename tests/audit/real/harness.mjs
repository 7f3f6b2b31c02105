// Runs the JavaScript and TypeScript cases under a clock that only timers and failing
// calls move; see harness.py for what it writes.
//
//     harness.mjs CASES OUT.json
//
// It stands beside a node_modules that has the libraries, with CASES below: so they and the
// cases' imports are the same. It leaves files of its own in CASES.
import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { Writable } from 'node:stream';
import timersPromises from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const RUNS = Number(process.env.RUNS ?? 300);
// A case that is still retrying after so many attempts has no end.
const LIMIT = 60;
// Milliseconds that an attempt takes before it fails, in every other run of cases that look
// at the clock: so that both the count and the clock have ended some.
const TAKES = { axios_retry_timeout: 300, p_retry_max_retry_time: 700, js_loop_clock: 100 };

const cases = path.resolve(process.argv[2]);
const require = createRequire(import.meta.url);
const { transform } = require('sucrase');
const immediately = setImmediate;
const world = {};

// --- the clock ---

function setTimeoutFake(callback, ms = 0, ...args) {
  // As Node does with what it cannot wait for; that it makes 1 ms of less is left out.
  const wait = ms >= 0 && ms <= 2 ** 31 - 1 ? Number(ms) : 1;
  const timer = { at: world.now + wait, fire: () => callback(...args) };
  timer.unref = timer.ref = timer.refresh = () => timer;
  world.timers.push(timer);
  return timer;
}

function clearTimeoutFake(timer) {
  world.timers = world.timers.filter((other) => other !== timer);
}

const pass = (ms, value) => new Promise((resolve) => setTimeoutFake(resolve, ms, value));
setTimeoutFake[promisify.custom] = pass;

function patchClock() {
  const RealDate = Date;
  const now = () => RealDate.UTC(2030, 0) + world.now;
  globalThis.Date = class extends RealDate {
    constructor(...args) {
      super(...(args.length ? args : [now()]));
    }
    static now = now;
  };
  performance.now = () => world.now;
  globalThis.setTimeout = setTimeoutFake;
  globalThis.clearTimeout = clearTimeoutFake;
  timersPromises.setTimeout = pass;
}

// mulberry32, so that every time the harness runs it sees the same.
function patchRandom(seed) {
  Math.random = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Fires the next timer whenever nothing else is left to do.
async function drive(promise) {
  let settled = false;
  const settle = (value) => {
    settled = true;
    if (world.starts.length === 0) throw new Error('it ended before its first attempt', { cause: value });
  };
  const end = promise.then(settle, settle);
  for (let idle = 0; ; idle++) {
    await new Promise(immediately);
    if (settled) return end;
    if (world.stopped) return;
    if (idle < 3) continue;
    if (world.timers.length > 0) {
      idle = 0;
      const next = world.timers.reduce((a, b) => (b.at < a.at ? b : a));
      clearTimeoutFake(next);
      world.now = Math.max(world.now, next.at);
      next.fire();
    } else if (idle > 1000) {
      throw new Error('it waits for something that never comes');
    }
  }
}

// --- the service that fails ---

async function attempt(takes = world.takes) {
  if (world.starts.length === LIMIT) {
    world.stopped = true;
    await new Promise(() => {});
  }
  world.starts.push(world.now);
  if (takes) await pass(takes);
  world.ends.push(world.now);
}

const refused = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

async function call() {
  await attempt();
  throw refused();
}

async function fetchFake() {
  await attempt();
  throw new TypeError('fetch failed');
}

// A ClientRequest whose connection is refused: what got meets.
class RequestFake extends Writable {
  setTimeout() {}
  _write(chunk, encoding, done) {
    done();
  }
  _final() {
    attempt().then(() => this.destroy(refused()));
  }
}

async function patchAxios() {
  const { default: axios, AxiosError } = await import('axios');
  // As its own adapters do, ends the attempt at the timeout that is left.
  axios.defaults.adapter = async (config) => {
    const late = config.timeout && config.timeout <= world.takes;
    await attempt(late ? config.timeout : world.takes);
    if (late) throw new AxiosError('timeout exceeded', 'ECONNABORTED', config);
    throw new AxiosError('connect ECONNREFUSED', 'ECONNREFUSED', config);
  };
}

// --- queues without a Redis: the library decides, a worker of ours obeys ---

// Whatever is added is worked at until it has failed for good; `wait` tells by how much
// the library has put the job off, or that it has not.
function workAtOnce(Queue, fail, wait) {
  const add = Queue.prototype.add;
  Queue.prototype.add = async function (...args) {
    const job = await add.apply(this, args);
    for (let again = 0; again !== undefined; ) {
      if (again) await pass(again);
      await attempt();
      await fail(job);
      again = wait(this);
    }
    return job;
  };
}

async function patchBullmq() {
  const { Queue, QueueBase } = await import('bullmq');
  QueueBase.prototype.createBackend = function () {
    this.backend = {
      keys: {},
      on() {},
      toKey: String,
      waitUntilReady: async () => {},
      addJob: async () => '1',
      moveToDelayed: async (id, now, delay) => (this.again = delay),
      retryJob: async () => (this.again = 0),
      moveToFailed: async () => ({ result: (this.again = undefined) }),
    };
  };
  workAtOnce(Queue, (job) => job.moveToFailed(refused(), 'token'), (queue) => queue.again);
}

// After bullmq has its Redis client, Bull gets one that only notes.
function patchBull() {
  let again;
  const multi = {
    saveStacktrace() {},
    // The time stands in front of twelve bits of the job's number.
    moveToDelayed: (args) => (again = Math.floor(JSON.parse(args[4]) / 0x1000) - Date.now()),
    retryJob: () => (again = 0),
    moveToFinished: () => (again = undefined),
    exec: async () => [[null, 0]],
  };
  const redis = require.resolve('ioredis', { paths: [require.resolve('bull')] });
  require(redis);
  require.cache[redis].exports = class extends EventEmitter {
    status = 'ready';
    options = {};
    defineCommand() {}
    info = async () => 'redis_version:7.2.0';
    addJob = async () => '1';
    multi = () => multi;
  };
  workAtOnce(require('bull'), (job) => job.moveToFailed(refused(), true), () => again);
}

// --- the cases ---

async function load(file) {
  if (file.endsWith('.cjs')) return require(file);
  if (!file.endsWith('.ts')) return import(pathToFileURL(file));
  const { code } = transform(fs.readFileSync(file, 'utf8'), { transforms: ['typescript'] });
  fs.writeFileSync(`${file}.mjs`, code);
  return import(pathToFileURL(`${file}.mjs`));
}

async function runOnce(module, takes) {
  Object.assign(world, { now: 0, takes, timers: [], starts: [], ends: [], stopped: false });
  await drive(module.run());
  const seconds = (ms) => ms / 1000;
  return {
    starts: world.starts.map(seconds),
    ends: world.ends.map(seconds),
    finish: seconds(world.now),
    stopped: world.stopped,
  };
}

globalThis.downstream = { call };
fs.writeFileSync(path.join(cases, 'downstream.cjs'), 'module.exports = globalThis.downstream;\n');
fs.writeFileSync(path.join(cases, 'downstream.js'), 'export const { call } = globalThis.downstream;\n');
await patchAxios();
await patchBullmq();
patchBull();
globalThis.fetch = fetchFake;
http.request = () => new RequestFake();
patchClock();
syncBuiltinESMExports();
process.on('unhandledRejection', () => {});

const observed = {};
for (const name of fs.readdirSync(cases).sort()) {
  if (!/^[a-z0-9_]+\.(js|cjs|ts)$/.test(name) || name.startsWith('downstream.')) continue;
  const stem = name.split('.')[0];
  patchRandom([...stem].reduce((sum, c) => sum * 31 + c.charCodeAt(0), 7));
  Object.assign(world, { now: 0, timers: [] });
  const module = await load(path.join(cases, name));
  observed[name] = [];
  for (let run = 0; run < RUNS; run++) {
    observed[name].push(await runOnce(module, (TAKES[stem.split('__')[0]] ?? 0) * (run % 2)));
  }
}
fs.writeFileSync(process.argv[3], JSON.stringify(observed));
process.exit(0);
