import { consumerConformance } from '../../src/testing/index.ts'
import { describeWith } from '../support/services.ts'
import { bundledWorker } from './messaging/bundle.ts'
import { redisStreamsHarness } from './messaging/redis-streams-harness.ts'
import { concurrently } from './messaging/runner.ts'

const skip = {
  'the order of each ordering key holds while the process is killed again and again':
    'what a killed consumer had is taken over later, behind what came meanwhile; see docs/how-to/redis-streams.md',
}
const worker = await bundledWorker('redis-streams-worker')

describeWith('redis', (url) => {
  consumerConformance('Redis Streams', { ...redisStreamsHarness(url, worker), skip }, concurrently)
})
