import { publisherConformance } from '../../src/testing/index.ts'
import { bundled } from '../support/bundle.ts'
import { describeWith } from '../support/services.ts'
import { BETWEEN, GONE, rocketmqHarness } from './messaging/rocketmq-harness.ts'
import { concurrently } from './messaging/runner.ts'

const skip = {
  'while the broker is down nothing is answered with ok; when it is back, the same publisher goes on': GONE,
  'connections are lost while publishing: what was not answered with ok is sent again, and takes effect once': BETWEEN,
}
const worker = await bundled('test/conformance/messaging/rocketmq-worker.ts')

describeWith('rocketmq', (url) => {
  publisherConformance('RocketMQ', { ...rocketmqHarness(url, worker), skip }, concurrently)
})
