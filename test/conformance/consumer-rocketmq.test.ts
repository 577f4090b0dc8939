import { consumerConformance } from '../../src/testing/index.ts'
import { bundled } from '../support/bundle.ts'
import { describeWith } from '../support/services.ts'
import { BETWEEN, GONE, rocketmqHarness } from './messaging/rocketmq-harness.ts'
import { concurrently } from './messaging/runner.ts'

const skip = {
  'the broker is killed and comes back: no message is lost, and each takes effect once': `${GONE}; messaging-rocketmq-broker.test.ts does it in a process of its own`,
  'connections are lost in the middle of the work, three times: every message takes effect once': BETWEEN,
  'a connection that is lost keeps the order of each ordering key': BETWEEN,
}
const worker = await bundled('test/conformance/messaging/rocketmq-worker.ts')

describeWith('rocketmq', (url) => {
  consumerConformance('RocketMQ', { ...rocketmqHarness(url, worker), skip }, concurrently)
})
