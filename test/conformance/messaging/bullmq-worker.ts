/** Runs in a process of its own, on the queue it is told. */
import { runMessagingWorker } from '../../../src/testing/index.ts'
import { bullmq } from './bullmq.ts'

await runMessagingWorker(bullmq)
