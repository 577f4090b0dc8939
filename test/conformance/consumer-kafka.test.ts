import { consumerConformance } from '../../src/testing/index.ts'
import { describeWith } from '../support/services.ts'
import { bundledWorker } from './messaging/bundle.ts'
import { kafkaHarness } from './messaging/kafka-harness.ts'
import { concurrently } from './messaging/runner.ts'

const worker = await bundledWorker('kafka-worker')

describeWith('kafka', (url) => {
  consumerConformance('Kafka', kafkaHarness(url, worker), concurrently)
})
