import { describe, expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { inbox } from '../../src/messaging/inbox.ts'
import { abandoned, cli, find, store, url } from './cli-kit.ts'

const LOCK = { scope: '!lock:shop' }
/** Of `consume` with `delivers: 'exactly-once-effect'`: counts the starts of a message. */
const COUNTER = { scope: '!lock:shop/inbox/points' }

const resolve = (scope: string, ...how: string[]) =>
  cli(['keys', 'resolve', 'a', '--scope', scope, ...how, '--yes', '--store', url])

describe('a lock whose owner disappeared', () => {
  it('is not made an operation that happened: who asks for it next would not run', async () => {
    await abandoned('a', LOCK)
    const said = await resolve(LOCK.scope, '--happened')
    expect(said).toMatchObject({ code: 1, out: '' })
    expect(said.err).toContain('whoever asks for it next gets it')
    expect(await onlyonce({ store, scope: 'shop' }).exclusive('a', () => 'ran')).toBe('ran')
  })

  it('nor is the count of the starts of a message, which would never be handled', async () => {
    await abandoned('a', COUNTER)
    expect((await resolve(COUNTER.scope, '--happened')).code).toBe(1)
    let handled = 0
    const once = onlyonce({ store, scope: 'shop' })
    const handle = () => void handled++
    const consumed = inbox({ once, name: 'points', delivers: 'exactly-once-effect', handle })
    const message = { id: 'a', source: 'orders', body: new Uint8Array(), headers: {}, redelivered: true }
    expect(await consumed(message)).toEqual({ kind: 'ack' })
    expect(handled).toBe(1)
  })

  it('can be given back before somebody asks for it', async () => {
    await abandoned('a', LOCK)
    expect((await resolve(LOCK.scope, '--did-not-happen')).code).toBe(0)
    expect(await find('a', LOCK.scope)).toMatchObject({ state: 'idle' })
  })

  it('waits for no decision: neither `keys get` nor `doctor` asks for one', async () => {
    await abandoned('a', LOCK)
    const { out, err } = await cli(['keys', 'get', 'a', '--scope', LOCK.scope, '--store', url])
    expect(out).toMatch(/state +abandoned/)
    expect(err).toBe('')
    expect(await cli(['doctor', '--store', url])).toMatchObject({ code: 0 })
    await abandoned('b')
    expect((await cli(['doctor', '--store', url])).out).toContain('1 operation whose owner disappeared')
  })
})
