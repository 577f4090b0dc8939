import { describe, it } from 'vitest'
import { httpCases, runHttpCase } from '../../src/testing/index.ts'
import { expressHarness } from './harness/express.ts'
import { fastifyHarness } from './harness/fastify.ts'

// 6 000 requests each: too many for every run of every adapter.
describe('200 bursts of 30 identical requests have 200 effects', () => {
  const bursts = httpCases.filter(({ heavy }) => heavy)
  for (const [name, harness] of [
    ['express', expressHarness({ version: 5, json: 'after' })],
    ['fastify', fastifyHarness],
  ] as const) {
    it.for(bursts)(`${name}: $name`, { timeout: 180_000 }, (one) => runHttpCase(one, harness, 200))
  }
})
