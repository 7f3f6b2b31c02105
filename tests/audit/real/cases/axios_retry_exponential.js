// Reads the basket. axios-retry 4: the first wait is already doubled, 20% on top.
import axios from 'axios';
import axiosRetry, { exponentialDelay, isNetworkOrIdempotentRequestError } from 'axios-retry';

const http = axios.create({ baseURL: 'http://basket.internal' });

axiosRetry(http, {
  retries: 5,
  retryDelay: exponentialDelay,
  retryCondition: isNetworkOrIdempotentRequestError,
});

export async function run() {
  const { data } = await http.get('/baskets/3');
  return data;
}
