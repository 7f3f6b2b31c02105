// Refunds and charges in retries: keyless, a key for each attempt, one for the operation (stripe-node 14 to 23).
import { randomUUID } from 'node:crypto';
import axios from 'axios';
import Stripe from 'stripe';

const stripe = new Stripe(process.env.STRIPE_KEY as string);
const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms));

export async function refundKeyless(orderId: string, cents: number) {
  // site: retry attempts=6 backoff=fixed(1s) jitter=none timeout=2s
  for (let attempt = 0; attempt < 6; attempt++) {
    try {
      // site: effect key=none retried=true
      // rule: HS401
      return await axios.post('https://payments.internal/refunds', { orderId, cents }, { timeout: 2000 });
    } catch (e) {
      if (attempt === 5) throw e;
      await sleep(1000);
    }
  }
}

export async function refundKeyPerAttempt(intent: string) {
  // site: retry attempts=3 backoff=fixed(500ms) jitter=none
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      // site: effect key=per-attempt retried=true
      // rule: HS402
      return await stripe.refunds.create({ payment_intent: intent }, { idempotencyKey: randomUUID() });
    } catch (e) {
      if (attempt === 2) throw e;
      await sleep(500);
    }
  }
}

export async function refundKeyPerOperation(intent: string) {
  const idempotencyKey = randomUUID();
  // site: retry attempts=3 backoff=fixed(500ms) jitter=none
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      // site: effect key=per-operation retried=true
      // rule: -
      return await stripe.refunds.create({ payment_intent: intent }, { idempotencyKey });
    } catch (e) {
      if (attempt === 2) throw e;
      await sleep(500);
    }
  }
}

export async function refundOnce(intent: string) {
  // Nothing here retries; the caller will.
  // site: effect key=none retried=false
  // rule: HS401
  return stripe.refunds.create({ payment_intent: intent });
}

export async function refundHandedAKey(intent: string, idempotencyKey: string) {
  // site: effect key=per-operation
  // rule: -
  return stripe.refunds.create({ payment_intent: intent }, { idempotencyKey });
}

export async function show(id: string) {
  // ok: reads
  return stripe.refunds.retrieve(id);
}
