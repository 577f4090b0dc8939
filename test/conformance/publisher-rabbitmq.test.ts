import { publisherConformance } from '../../src/testing/index.ts'
import { bundled } from '../support/bundle.ts'
import { describeWith } from '../support/services.ts'
import { rabbitmqHarness } from './messaging/rabbitmq-harness.ts'
import { concurrently } from './messaging/runner.ts'

const worker = await bundled('test/conformance/messaging/rabbitmq-worker.ts')

describeWith('rabbitmq', (url) => {
  publisherConformance('RabbitMQ', rabbitmqHarness(url, worker), concurrently)
})
