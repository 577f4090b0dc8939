import { publisherConformance } from '../../src/testing/index.ts'
import { bundled } from '../support/bundle.ts'
import { describeWith } from '../support/services.ts'
import { redisStreamsHarness } from './messaging/redis-streams-harness.ts'
import { concurrently } from './messaging/runner.ts'

const worker = await bundled('test/conformance/messaging/redis-streams-worker.ts')

describeWith('redis', (url) => {
  publisherConformance('Redis Streams', redisStreamsHarness(url, worker), concurrently)
})
