import { Batcher } from '../src/core/batcher.ts'
import { fakeRuntime } from '../src/testing/fake-runtime.ts'

/** A store call under test control: every batch waits until it is answered. */
export function setUp({ maxBatch = 100, timeoutMs = 1_000, batches: atOnce = 1 } = {}) {
  const runtime = fakeRuntime()
  const late: [string, string][] = []
  const sent: {
    readonly batch: readonly string[]
    answer(answers?: readonly string[]): void
    fail(error: unknown): void
  }[] = []
  const batcher = new Batcher<string, string>(
    {
      send: (batch) =>
        new Promise((resolve, reject) => {
          const answer = (answers = batch.map((one) => `${one}!`)) => resolve(answers)
          sent.push({ batch, answer, fail: reject })
        }),
      idOf: (request) => request.slice(0, 1),
      onLate: (request, answer) => late.push([request, answer]),
    },
    { maxBatch, timeoutMs, batches: atOnce, runtime },
  )
  const submit = (request: string, limitMs?: number) => batcher.submit(request, limitMs)
  const batches = () => sent.map((one) => one.batch)
  /** Submits requests: the first leaves alone, and the others gather behind it. */
  const behind = async ([first = '', ...rest]: readonly string[]) => {
    const leading = submit(first)
    await turn()
    return [leading, ...rest.map((one) => submit(one))]
  }
  const turn = () => runtime.advance(0)
  return { runtime, sent, submit, behind, batches, late, turn }
}

export const caught = (answer: Promise<string>) => answer.catch((error: Error) => error.message)

export const reasons = (results: readonly PromiseSettledResult<string>[]) =>
  results.map((one) => (one.status === 'fulfilled' ? one.value : `no: ${one.reason.message}`))
