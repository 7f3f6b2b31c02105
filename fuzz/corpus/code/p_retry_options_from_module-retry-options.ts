// Options and numbers that client.ts imports.
export const SECOND = 1000;
export const MAX_RETRIES = 2;

export const RETRY_OPTIONS = {
  retries: 5,
  minTimeout: SECOND / 4,
  maxTimeout: 8 * SECOND,
  randomize: true,
} as const;
