import { publisherConformance } from '../../src/testing/index.ts'
import { describeWith } from '../support/services.ts'
import { bullmqHarness } from './messaging/bullmq-harness.ts'
import { bundledWorker } from './messaging/bundle.ts'
import { concurrently } from './messaging/runner.ts'

const worker = await bundledWorker('bullmq-worker')

describeWith('redis', (url) => {
  publisherConformance('BullMQ', bullmqHarness(url, worker), concurrently)
})
