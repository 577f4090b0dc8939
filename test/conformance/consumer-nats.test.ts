import { consumerConformance } from '../../src/testing/index.ts'
import { describeWith } from '../support/services.ts'
import { bundledWorker } from './messaging/bundle.ts'
import { natsHarness } from './messaging/nats-harness.ts'
import { concurrently } from './messaging/runner.ts'

const worker = await bundledWorker('nats-worker')

describeWith('nats', (url) => {
  consumerConformance('NATS JetStream', natsHarness(url, worker), concurrently)
})
