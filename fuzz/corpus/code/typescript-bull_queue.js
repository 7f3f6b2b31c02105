// Bull: attempts count the first; its exponential is (2^n - 1) times the delay: 1, 3, 7 seconds (bull 4).
const Queue = require('bull');

const mails = new Queue('mails', process.env.REDIS_URL);

async function enqueue(mail) {
  // site: retry attempts=5 backoff=exponential(base=1s,multiplier=2,exponent_from=less-one) jitter=none
  // rule: HS101 HS102
  await mails.add(mail, { attempts: 5, backoff: { type: 'exponential', delay: 1000 } });
  // site: retry attempts=3 backoff=fixed(5s) jitter=none
  // rule: HS101 HS102
  await mails.add('digest', mail, { attempts: 3, backoff: 5000, removeOnComplete: true });
}

// site: retry attempts=4 backoff=none
// rule: HS101 HS107
const thumbnails = new Queue('thumbnails', { defaultJobOptions: { attempts: 4 } });

// ok: takes jobs, decides nothing about retries
mails.process(10, async (job) => job.data);

module.exports = { enqueue, thumbnails };
