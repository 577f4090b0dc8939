import { publisherConformance } from '../../src/testing/index.ts'
import { describeWith } from '../support/services.ts'
import { bundledWorker } from './messaging/bundle.ts'
import { kafkaHarness } from './messaging/kafka-harness.ts'
import { concurrently } from './messaging/runner.ts'

const worker = await bundledWorker('kafka-worker')

describeWith('kafka', (url) => {
  publisherConformance('Kafka', kafkaHarness(url, worker), concurrently)
})
