import { consumerConformance } from '../../src/testing/index.ts'
import { bundled } from '../support/bundle.ts'
import { describeWith } from '../support/services.ts'
import { kafkaHarness } from './messaging/kafka-harness.ts'
import { concurrently } from './messaging/runner.ts'

const worker = await bundled('test/conformance/messaging/kafka-worker.ts')

describeWith('kafka', (url) => {
  consumerConformance('Kafka', kafkaHarness(url, worker), concurrently)
})
