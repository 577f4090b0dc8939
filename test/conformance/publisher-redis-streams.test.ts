import { publisherConformance } from '../../src/testing/index.ts'
import { describeWith } from '../support/services.ts'
import { bundledWorker } from './messaging/bundle.ts'
import { redisStreamsHarness } from './messaging/redis-streams-harness.ts'
import { concurrently } from './messaging/runner.ts'

const worker = await bundledWorker('redis-streams-worker')

describeWith('redis', (url) => {
  publisherConformance('Redis Streams', redisStreamsHarness(url, worker), concurrently)
})
