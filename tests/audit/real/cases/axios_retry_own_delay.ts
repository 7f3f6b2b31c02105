// Reads the opening hours. axios-retry 4 with a delay of its own.
import axios, { type AxiosInstance } from 'axios';
import axiosRetry from 'axios-retry';

const client: AxiosInstance = axios.create({ baseURL: 'http://shops.internal' });

axiosRetry(client, { retries: 4, retryDelay: (retryCount: number) => retryCount * 400 });

export const run = (): Promise<unknown> => client.get('/hours');
