// Charges nothing, only counts clicks. Bull 4: the same words, and 1, 3, 7 times the delay.
const Queue = require('bull');

const clicks = new Queue('clicks', 'redis://redis:6379');

exports.run = () =>
  clicks.add({ page: '/home' }, { attempts: 5, backoff: { type: 'exponential', delay: 1000 } });
