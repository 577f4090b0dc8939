import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { consume, publisher } from '../../src/messaging/redis-streams.ts'
import { outbox } from '../../src/outbox/outbox.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { bundled } from '../support/bundle.ts'
import { tidily } from '../support/leftovers.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { names, openLedger } from './ledger.ts'
import { record } from './ledger-store.ts'
import { clientOf, openDesk } from './redis-streams-helpers.ts'

const LONG = { timeout: 90_000 }
const rules = { name: 'ledger', delivers: 'exactly-once-effect' } as const
const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)

describeWith('redis', (url) => {
  it(
    'a relay that dies between sending and writing it down sends again, and each takes effect once',
    LONG,
    async () => {
      const { once, stream, client, effects, pending } = await openDesk(url)
      const { store, path } = await openLedger()
      const worker = await bundled('test/integration/redis-streams-worker.ts')
      const ids = names('m', 5)
      const box = outbox(store)
      const messages = ids.map((id) => ({ id, topic: stream, body: `body of ${id}`, orderingKey: 'k' }))
      await store.transaction((tx) => box.add(tx, messages))
      tidily(consume({ ...rules, once, client, stream, handle }), (one) => one.stop())
      const signals: unknown[] = []
      for (let i = 0; i < 2; i++) {
        const child = spawn(process.execPath, [worker, 'relay', url, stream, path], { stdio: 'inherit' })
        tidily(child, (one) => one.kill('SIGKILL'))
        signals.push(await new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal))))
      }
      expect(signals).toEqual(['SIGKILL', null])
      expect(await client.xlen(stream)).toBe(6)
      await until('all are settled', async () => (await pending()) === 0 && (await effects()).length >= 5)
      expect(await effects()).toEqual(ids)
    },
  )

  it('answers to a publisher that are lost make copies, and each takes effect once', LONG, async () => {
    const { once, stream, client, effects, pending } = await openDesk(url)
    const proxy = tidily(await createProxy(Number(new URL(url).port)), (one) => one.close())
    const send = publisher({ client: clientOf(`redis://127.0.0.1:${proxy.port}`) })
    const ids = names('m', 20)
    const message = (id: string) => ({ id, topic: stream, body: Buffer.from(id), headers: {} })
    expect(await send([message('first')])).toEqual([{ ok: true }])
    for (const id of ids) {
      if (id.endsWith('5')) proxy.dropReplies()
      while (!(await send([message(id)]))[0]?.ok) {
        // Sent until it was answered.
      }
    }
    expect(await client.xlen(stream)).toBeGreaterThan(21)
    tidily(consume({ ...rules, once, client, stream, handle }), (one) => one.stop())
    await until('all are settled', async () => (await effects()).length >= 21 && (await pending()) === 0)
    expect((await effects()).toSorted()).toEqual(['first', ...ids])
  })
})
