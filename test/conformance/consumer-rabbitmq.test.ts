import { consumerConformance } from '../../src/testing/index.ts'
import { describeWith } from '../support/services.ts'
import { bundledWorker } from './messaging/bundle.ts'
import { rabbitmqHarness } from './messaging/rabbitmq-harness.ts'
import { concurrently } from './messaging/runner.ts'

const worker = await bundledWorker('rabbitmq-worker')

describeWith('rabbitmq', (url) => {
  consumerConformance('RabbitMQ', rabbitmqHarness(url, worker), concurrently)
})
