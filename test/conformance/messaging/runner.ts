import { describe, it } from 'vitest'
import type { TestRunner } from '../../../src/testing/index.ts'

const LIMIT_MS = 120_000

/** Cases side by side: they wait for brokers and leases most of the time, each on a topic of its own. */
export const concurrently: TestRunner = {
  describe: (name, body) => describe.concurrent(name, body),
  it: Object.assign((name: string, body: () => Promise<void>) => it.concurrent(name, { timeout: LIMIT_MS }, body), {
    skip: (name: string, body: () => Promise<void>) => it.skip(name, body),
  }),
}
