// Pings a search engine. Bull 4: a number is a fixed delay.
const Queue = require('bull');

const pings = new Queue('pings', 'redis://redis:6379', {
  defaultJobOptions: { attempts: 3, backoff: 5000 },
});

exports.run = async () => {
  await pings.add({ url: '/sitemap.xml' });
};
