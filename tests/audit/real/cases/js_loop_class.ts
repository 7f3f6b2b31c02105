// A client of the inventory that doubles its wait and adds up to 100 ms.
import { call } from './downstream.js';

class Inventory {
  private readonly maxRetries = 4;
  private readonly baseDelayMs = 150;

  async count(sku: string): Promise<unknown> {
    let attempt = 0;
    while (true) {
      try {
        return await call('GET /inventory', sku);
      } catch (error) {
        if (attempt === this.maxRetries) {
          throw error;
        }
        const pause = this.baseDelayMs * 2 ** attempt + Math.random() * 100;
        await new Promise((resolve) => setTimeout(resolve, pause));
        attempt++;
      }
    }
  }
}

export const run = (): Promise<unknown> => new Inventory().count('A-1');
