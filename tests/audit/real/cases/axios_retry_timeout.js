// Reads the balance. axios-retry 4: the timeout is what all tries have together.
import axios from 'axios';
import axiosRetry from 'axios-retry';

const client = axios.create({ baseURL: 'http://accounts.internal', timeout: 2000 });
axiosRetry(client, { retries: 5, retryDelay: () => 250 });

export const run = () => client.get('/accounts/1/balance');
