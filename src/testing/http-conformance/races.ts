import assert from 'node:assert/strict'
import { type Answer, refused, replayOf, sameAnswer } from './client.ts'
import type { HttpCase } from './harness.ts'
import { created, desk, gate, newKey, openSite, pause, settled, until } from './site.ts'

const group = 'races'

const slow = () =>
  desk(async (run) => {
    await pause(5)
    return created({ run })
  })

export const raceCases: readonly HttpCase[] = [
  {
    name: 'of 100 requests at once one runs the handler, and the others are told to wait or get its answer',
    group,
    ids: ['B1', 'C10', 'concurrent-409'],
    async run(context) {
      const orders = slow()
      const site = await openSite(context, orders)
      const ask = { key: newKey() }
      const answers = await Promise.all(Array.from({ length: 100 }, () => site.ask('/orders', ask)))
      oneEffect(answers, orders.runs)
      replayOf(await site.ask('/orders', ask), answers.find(isFirst) as Answer)
    },
  },
  {
    name: 'of 100 requests at two servers that share a store one runs the handler',
    group,
    ids: ['B1'],
    async run(context) {
      const orders = slow()
      const one = await openSite(context, orders)
      const two = await openSite(context, orders, { store: one.store })
      const ask = { key: newKey() }
      const at = (index: number) => (index % 2 === 0 ? one : two)
      oneEffect(await Promise.all(Array.from({ length: 100 }, (_, i) => at(i).ask('/orders', ask))), orders.runs)
      const [first, second] = [await settled(one, '/orders', ask), await settled(two, '/orders', ask)]
      sameAnswer(second, first)
    },
  },
  {
    name: 'of 30 requests whose last bytes arrive together one runs the handler, round after round',
    group,
    ids: ['T16', 'B1'],
    heavy: true,
    async run(context) {
      const orders = slow()
      const site = await openSite(context, orders)
      for (let round = 1; round <= context.rounds; round++) {
        const ask = { key: `round-${round}` }
        const ready = await Promise.all(Array.from({ length: 30 }, () => site.prepare('/orders', ask)))
        oneEffect(await Promise.all(ready.map((go) => go())), 1)
        assert.equal(orders.runs, round)
      }
    },
  },
  {
    name: '200 requests at once with keys of their own get answers of their own, and so do their duplicates',
    group,
    ids: ['T2', 'B9'],
    async run(context) {
      const echo = desk((_run, { body }) => ({ status: 200, body }))
      const site = await openSite(context, echo)
      const asks = Array.from({ length: 200 }, (_, n) => ({ key: `k-${n}`, body: `{"n":${n}}` }))
      for (let again = 0; again < 2; again++) {
        const answers = await Promise.all(asks.map((ask) => site.ask('/orders', ask)))
        assert.deepEqual(
          answers.map((answer) => answer.json().n),
          asks.map((_, n) => n),
        )
      }
      assert.equal(echo.runs, 200)
    },
  },
  {
    name: 'another payload while the first is under way is refused with 422, and the first is as it was',
    group,
    ids: ['B4', 'B6'],
    async run(context) {
      const door = gate()
      const orders = desk(async (run) => {
        await door.passed
        return created({ run })
      })
      const site = await openSite(context, orders)
      const key = newKey()
      const running = site.ask('/orders', { key, body: '{"amount":1}' })
      await until(() => orders.runs === 1, 'the handler runs')
      refused(await site.ask('/orders', { key, body: '{"amount":2}' }), 422, 'fingerprint-mismatch')
      refused(await site.ask('/orders', { key, body: '{"amount":1}' }), 409, 'conflict')
      refused(await site.ask('/orders', { key, body: '{"amount":1}' }), 409, 'conflict')
      door.open()
      const first = await running
      assert.equal(first.status, 201)
      replayOf(await site.ask('/orders', { key, body: '{"amount":1}' }), first)
      assert.equal(orders.runs, 1)
    },
  },
  {
    name: 'pipelined requests on one connection are answered in their order',
    group,
    ids: ['T2'],
    async run(context) {
      const takesMs = [40, 20, 1]
      const echo = desk(async (run, { body }) => {
        await pause(takesMs[run - 1] ?? 1)
        return { status: 200, headers: [['content-type', 'text/plain']], body: `ran ${Buffer.from(body)}` }
      })
      const site = await openSite(context, echo)
      const request = (key: string, more = '') =>
        `POST /orders HTTP/1.1\r\nhost: here\r\n${more}content-type: text/plain\r\nidempotency-key: ${key}\r\ncontent-length: 1\r\n\r\n${key}`
      const text = await site.raw(
        ['a', 'b', 'c', 'a'].map((key, at) => request(key, at === 3 ? 'connection: close\r\n' : '')).join(''),
      )
      const answers = text.split('HTTP/1.1 ').slice(1)
      assert.equal(answers.length, 4, text)
      assert.deepEqual(
        answers.slice(0, 3).map((answer) => /ran (\w)/.exec(answer)?.[1]),
        ['a', 'b', 'c'],
      )
      assert.match(answers[3] ?? '', /ran a|"conflict"/)
      assert.equal(echo.runs, 3)
    },
  },
]

function isFirst({ status, replayed }: Answer): boolean {
  return status === 201 && !replayed
}

/** Asserts that one answer is the handler's own, and each other one its replay or a 409. */
function oneEffect(answers: readonly Answer[], runs: number): void {
  assert.equal(runs, 1)
  const firsts = answers.filter(isFirst)
  assert.equal(firsts.length, 1, `${firsts.length} answers say that they are the first`)
  for (const answer of answers) {
    if (answer.replayed) replayOf(answer, firsts[0] as Answer)
    else if (!isFirst(answer)) refused(answer, 409, 'conflict')
  }
}
