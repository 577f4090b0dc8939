import { consumerConformance } from '../../src/testing/index.ts'
import { bundled } from '../support/bundle.ts'
import { describeWith } from '../support/services.ts'
import { natsHarness } from './messaging/nats-harness.ts'
import { concurrently } from './messaging/runner.ts'

const worker = await bundled('test/conformance/messaging/nats-worker.ts')

describeWith('nats', (url) => {
  consumerConformance('NATS JetStream', natsHarness(url, worker), concurrently)
})
