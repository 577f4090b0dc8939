import { consumerConformance } from '../../src/testing/index.ts'
import { describeWith } from '../support/services.ts'
import { bundledWorker } from './messaging/bundle.ts'
import { rocketmqHarness } from './messaging/rocketmq-harness.ts'
import { concurrently } from './messaging/runner.ts'

const worker = await bundledWorker('rocketmq-worker')

describeWith('rocketmq', (url) => {
  consumerConformance('RocketMQ', rocketmqHarness(url, worker), concurrently)
})
