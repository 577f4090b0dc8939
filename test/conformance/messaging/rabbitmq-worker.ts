/** Runs in a process of its own, on the queue it is told. */
import { runMessagingWorker } from '../../../src/testing/index.ts'
import { rabbitmq } from './rabbitmq.ts'

await runMessagingWorker(rabbitmq)
