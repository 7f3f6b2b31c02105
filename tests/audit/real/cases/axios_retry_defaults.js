// Reads the catalogue. axios-retry 4: three retries and no wait between them.
import axios from 'axios';
import axiosRetry from 'axios-retry';

const client = axios.create({ baseURL: 'http://catalogue.internal' });
axiosRetry(client, { retries: 3 });

export const run = () => client.get('/products');
