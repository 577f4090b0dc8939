import { publisherConformance } from '../../src/testing/index.ts'
import { bundled } from '../support/bundle.ts'
import { describeWith } from '../support/services.ts'
import { bullmqHarness } from './messaging/bullmq-harness.ts'
import { concurrently } from './messaging/runner.ts'

const worker = await bundled('test/conformance/messaging/bullmq-worker.ts')

describeWith('redis', (url) => {
  publisherConformance('BullMQ', bullmqHarness(url, worker), concurrently)
})
