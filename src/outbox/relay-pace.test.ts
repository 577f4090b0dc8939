import { describe, expect, it } from 'vitest'
import { setup } from '../../test/relay-kit.ts'
import { sleep } from '../core/runtime.ts'
import type { RelayEvent } from './relay.ts'

describe('relay, in how it asks', () => {
  it('retries the three of ten that were refused, and only those', async () => {
    const refused = new Set(['m2', 'm5', 'm8'])
    const { make, add, calls, rows, runtime } = setup(({ id }, call) =>
      call === 1 && refused.has(id) ? { ok: false, reason: 'throttled' } : { ok: true },
    )
    await add(...Array.from({ length: 10 }, (_, i) => `m${i}`))
    const one = make({ backoffMs: 100 })
    one.start()
    await runtime.advance(10_000)
    expect(calls[0]).toHaveLength(10)
    expect(calls.slice(1).flat().sort()).toEqual([...refused])
    expect(rows).toEqual([])
    await one.stop()
  })

  it('keeps its pause after a failure, however often it is woken', async () => {
    const { make, add, runtime, setDown } = setup()
    await add('a')
    const failures: RelayEvent[] = []
    const one = make({
      pollMs: 60_000,
      backoffMs: 10_000,
      maxBackoffMs: 10_000,
      onEvent: (event) => failures.push(event),
    })
    setDown(true)
    one.start()
    for (let n = 0; n < 100; n++) {
      await runtime.advance(10)
      one.wake()
    }
    expect(failures).toHaveLength(1)
    await one.stop()
  })

  it('asks the broker one call at a time, however much waits', async () => {
    const { make, add, calls, rows, runtime } = setup()
    await add(...Array.from({ length: 50 }, (_, i) => `m${i}`))
    let now = 0
    let most = 0
    const one = make({
      batchSize: 10,
      publish: (batch) =>
        new Promise((done) => {
          calls.push(batch.map(({ id }) => id))
          most = Math.max(most, ++now)
          runtime.after(1_000, () => {
            now--
            done(batch.map(() => ({ ok: true })))
          })
        }),
    })
    one.start()
    await runtime.advance(10_000)
    expect(most).toBe(1)
    expect(Math.max(...calls.map((batch) => batch.length))).toBe(10)
    expect(rows).toEqual([])
    await one.stop()
  })

  it('finds how many messages a publisher gets done within the limit, with few repeats', async () => {
    const { make, add, rows, runtime } = setup()
    await add(...Array.from({ length: 1_500 }, (_, i) => `m${i}`))
    let sent = 0
    let last: Promise<unknown> = Promise.resolve()
    const one = make({
      publishTimeoutMs: 15_000,
      // One after the other, also behind those of a call that nobody waits for any more.
      publish: (batch) => {
        const turn = last.then(async () => {
          for (const _ of batch) {
            await sleep(runtime, 30)
            sent++
          }
          return batch.map(() => ({ ok: true as const }))
        })
        last = turn
        return turn
      },
    })
    one.start()
    await runtime.advance(120_000)
    expect(rows).toEqual([])
    expect(sent).toBeLessThanOrEqual(2_000)
    await one.stop()
  })

  it('is woken by a store that can notify, and watches only while nothing waits', async () => {
    let broken = false
    const { make, add, calls, runtime, watching, notify } = setup(() =>
      broken ? { ok: false, reason: 'throttled' } : { ok: true },
    )
    const one = make({ pollMs: 600_000, backoffMs: 10_000, maxBackoffMs: 10_000 })
    one.start()
    await runtime.advance(1)
    expect(watching.size).toBe(1)
    for (const id of ['a', 'b']) {
      await add(id)
      notify()
      await runtime.advance(1)
    }
    expect(calls).toEqual([['a'], ['b']])
    broken = true
    await add('c')
    notify()
    await runtime.advance(1)
    // Whoever adds while the broker refuses must not make the relay ask it each time.
    expect(watching.size).toBe(0)
    await add('d')
    notify()
    await runtime.advance(1_000)
    expect(calls).toEqual([['a'], ['b'], ['c']])
    await one.stop()
  })

  it('watches nothing while another relay leads, and after it was stopped', async () => {
    const { make, runtime, watching, steal } = setup()
    const one = make({ pollMs: 1_000 })
    one.start()
    await runtime.advance(1)
    expect(watching.size).toBe(1)
    steal()
    await runtime.advance(1_100)
    expect(watching.size).toBe(0)
    await runtime.advance(120_000)
    expect(watching.size).toBe(1)
    await one.stop()
    expect(watching.size).toBe(0)
    expect(runtime.pending).toBe(0)
  })
})
