import { consumerConformance } from '../../src/testing/index.ts'
import { bundled } from '../support/bundle.ts'
import { describeWith } from '../support/services.ts'
import { redisStreamsHarness } from './messaging/redis-streams-harness.ts'
import { concurrently } from './messaging/runner.ts'

const skip = {
  'the order of each ordering key holds while the process is killed again and again':
    'what a killed consumer had is taken over later, behind what came meanwhile; see docs/how-to/redis-streams.md',
}
const worker = await bundled('test/conformance/messaging/redis-streams-worker.ts')

describeWith('redis', (url) => {
  consumerConformance('Redis Streams', { ...redisStreamsHarness(url, worker), skip }, concurrently)
})
