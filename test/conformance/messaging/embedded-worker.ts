/** Runs in a process of its own, on the queue file it is told. */
import { runMessagingWorker } from '../../../src/testing/index.ts'
import { embedded } from './embedded.ts'

await runMessagingWorker(embedded)
