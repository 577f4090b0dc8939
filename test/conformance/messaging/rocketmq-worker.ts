/** Runs in a process of its own, on the topic it is told. */
import { runMessagingWorker } from '../../../src/testing/index.ts'
import { rocketmq } from './rocketmq.ts'

await runMessagingWorker(rocketmq)
