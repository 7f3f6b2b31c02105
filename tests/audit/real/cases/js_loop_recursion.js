// Fetches a map tile and calls itself until it has one.
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

export async function run(retries = 3, backoff = 300) {
  try {
    const response = await fetch('http://tiles.internal/4/8/5');
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return await response.arrayBuffer();
  } catch (error) {
    if (retries === 0) throw error;
    await wait(backoff);
    return run(retries - 1, backoff * 2);
  }
}
