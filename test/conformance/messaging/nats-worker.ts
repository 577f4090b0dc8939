/** Runs in a process of its own, on the stream it is told. */
import { runMessagingWorker } from '../../../src/testing/index.ts'
import { nats } from './nats.ts'

await runMessagingWorker(nats)
