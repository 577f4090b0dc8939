import assert from 'node:assert/strict'
import { type Answer, type Ask, refused, replayOf } from './client.ts'
import type { HttpCase, HttpContext, HttpHarness, WayTruth } from './harness.ts'
import { created, desk, gate, newKey, openSite, pause, type Site, settled, until } from './site.ts'

const PATH = '/way'

/** The cases specific to this framework: its ways of responding. */
export function wayCases({ ways = {} }: HttpHarness): readonly HttpCase[] {
  return Object.entries(ways).map(([way, truth]) => ({
    name: `${way}: ${PROMISES[truth]}`,
    group: 'ways of responding',
    ids: ['B12'],
    run: (context) => tryWay(context, way, truth),
  }))
}

const PROMISES: Record<WayTruth, string> = {
  recorded: 'a duplicate gets the same answer',
  released: 'nothing is kept, and a duplicate runs the handler',
  'too-long': 'a duplicate gets status and headers',
  'cut-off': 'a duplicate gets status and headers',
  'not-redacted': 'a duplicate gets the status',
  'event-stream': 'a duplicate is told that the answer cannot be given again',
}

async function tryWay(context: HttpContext, way: string, truth: WayTruth): Promise<void> {
  let mayAnswer = Promise.resolve()
  const handler = desk(async (run) => {
    await mayAnswer
    return created({ run, way })
  })
  // Also limits how long a handler may be silent in the middle of its answer after its client left.
  const engine = { storeTimeoutMs: 1_500 }
  const site = await openSite(context, [{ method: 'POST', path: PATH, way, run: handler.run }], { engine })
  const ask: Ask = { key: newKey() }
  const first = await site.ask(PATH, ask).catch(() => undefined)
  assert.equal(handler.runs, 1)
  if (first !== undefined && truth === 'recorded') assert.ok(first.status < 500, `${first.status} ${first.body}`)
  const second = await settled(site, PATH, ask).catch(() => undefined)
  await duplicateOf(second, first, truth)
  assert.equal(handler.runs, truth === 'released' ? 2 : 1)
  if (truth === 'released') return
  await clientThatLeaves(site, handler, (left) => {
    mayAnswer = left
  })
}

async function duplicateOf(second: Answer | undefined, first: Answer | undefined, truth: WayTruth): Promise<void> {
  switch (truth) {
    case 'recorded':
      assert.ok(first !== undefined && second !== undefined)
      return replayOf(second, first)
    case 'released':
      return assert.equal(second?.replayed ?? false, false)
    case 'event-stream':
      assert.ok(second !== undefined)
      return refused(second, 409, 'unrecordable')
    default:
      assert.ok(first !== undefined && second !== undefined)
      assert.equal(second.status, first.status)
      assert.equal(second.header('idempotency-body-omitted'), truth)
  }
}

/** The same way, but the client leaves before the answer: it is still recorded, and the handler not run again. */
async function clientThatLeaves(
  site: Site,
  handler: { readonly runs: number },
  holdUntil: (left: Promise<void>) => void,
): Promise<void> {
  const ask = { key: newKey() }
  const runs = handler.runs
  const left = gate()
  holdUntil(left.passed)
  await site.abandon(PATH, ask, () => until(() => handler.runs > runs, 'the handler runs'))
  // The server notices it a moment later.
  await pause(20)
  left.open()
  const again = await settled(site, PATH, ask)
  // It must not stay in flight, however often one asks.
  if (!again.replayed) refused(again, 409, 'unrecordable')
  assert.equal(handler.runs, runs + 1)
}
