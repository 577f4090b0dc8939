/** Runs in a process of its own, on the topic it is told. */
import { runMessagingWorker } from '../../../src/testing/index.ts'
import { kafka } from './kafka.ts'

await runMessagingWorker(kafka)
