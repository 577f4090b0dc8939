import type { Runtime } from '../../core/runtime.ts'
import { gatherer } from '../gather.ts'
import type { Delivery, InboxBatch, Verdict } from '../inbox.ts'

interface Waiting {
  readonly delivery: Delivery
  readonly resolve: (verdict: Promise<Verdict>) => void
}

/**
 * Makes batches of the jobs that a worker handles concurrently, because BullMQ delivers each by itself. Once `signal`
 * is aborted, no job waits for others.
 */
export function gathered(
  batch: InboxBatch,
  runtime: Runtime,
  signal: AbortSignal,
): (delivery: Delivery) => Promise<Verdict> {
  let waiting: Waiting[] = []
  const gathering = gatherer(batch, runtime, leave)

  function leave(): void {
    const leaving = waiting
    waiting = []
    gathering.next()
    const verdicts = batch.receive(
      leaving.map(({ delivery }) => delivery),
      signal,
    )
    for (const [at, { resolve }] of leaving.entries()) resolve(verdicts[at] as Promise<Verdict>)
  }

  signal.addEventListener('abort', () => {
    if (waiting.length > 0) leave()
  })
  return (delivery) =>
    new Promise((resolve) => {
      waiting.push({ delivery, resolve })
      gathering.begun()
      if (signal.aborted || gathering.isReady(waiting.length)) leave()
    })
}
