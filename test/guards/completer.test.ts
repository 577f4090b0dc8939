import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { fingerprintOf } from '../../src/core/fingerprint.ts'
import type { Operation } from '../../src/core/once.ts'
import { completer } from '../../src/guards/completer.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { abandonedWorld, onlyonce } from './completer-kit.ts'

describe('a completer', () => {
  it('ends an operation whose owner disappeared, from the step where it stopped', async () => {
    const { once, leaveBehind, complete, afterLease, told } = abandonedWorld()
    const ran: string[] = []
    const pay = async (op: Operation) => {
      const reserved = await op.step('reserve', () => ran.push('reserve'))
      return [reserved, await op.step('capture', () => ran.push(`capture in attempt ${op.attempt}`))]
    }
    await leaveBehind('order:1', (op) => op.step('reserve', () => ran.push('reserve')))
    await afterLease()
    expect(await complete({ test: pay }).round()).toEqual({ seen: 1, completed: 1, failed: 0, givenUp: 0, more: false })
    expect(ran).toEqual(['reserve', 'capture in attempt 2'])
    expect(await once('order:1', () => 'never')).toEqual([1, 2])
    expect(told('completed')).toMatchObject([{ scope: 'test', key: 'order:1', ran: true }])
  })

  it('runs outside the call that starts it, which may be inside a transaction or a request', async () => {
    const { leaveBehind, complete, afterLease, runtime } = abandonedWorld()
    await leaveBehind('order:1')
    await afterLease()
    const calls = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const finishing = complete({ test: () => void seen.push(calls.getStore()) })
    calls.run('the request', () => finishing.start())
    await runtime.advance(10)
    await finishing.stop()
    expect(seen).toEqual([undefined])
  })

  it('leaves alone what is running, done, given back, or of another scope', async () => {
    const { once, leaveBehind, complete, afterLease } = abandonedWorld()
    await leaveBehind({ key: 'other', scope: 'elsewhere' })
    await once('done', () => 1)
    await once('failed', () => Promise.reject('no')).catch(() => {})
    await afterLease()
    void once('running', () => new Promise(() => {}))
    const report = await complete({ test: () => expect.fail('ran') }).round()
    expect(report).toEqual({ seen: 0, completed: 0, failed: 0, givenUp: 0, more: false })
  })

  it('passes the fingerprint on as it is stored, and tells the handler what is known', async () => {
    const { once, leaveBehind, complete, afterLease } = abandonedWorld()
    const payload = { pence: 4200 }
    await leaveBehind({ key: 'a', payload })
    await leaveBehind('b')
    await afterLease()
    const known: unknown[] = []
    await complete({ test: (op, abandoned) => void known.push([op.key, op.attempt, abandoned]) }).round()
    const at = { createdAt: expect.any(Date), abandonedAt: expect.any(Date), scope: 'test' }
    expect(known).toHaveLength(2)
    expect(known).toContainEqual(['a', 2, { key: 'a', fingerprint: fingerprintOf(payload), ...at }])
    expect(known).toContainEqual(['b', 2, { key: 'b', fingerprint: '', ...at }])
    expect((await once.attempt({ key: 'a', payload }, () => 1)).kind).toBe('replayed')
    expect((await once.attempt({ key: 'a', payload: 'other' }, () => 1)).kind).toBe('mismatch')
    expect((await once.attempt('b', () => 1)).kind).toBe('replayed')
  })

  it('does not run a handler for what was forgotten while it waited for its turn', async () => {
    const { once, leaveBehind, complete, afterLease, told } = abandonedWorld()
    await leaveBehind('a')
    await leaveBehind('b')
    await afterLease()
    const forgetting = async (op: Operation) => void (await once.forget(op.key === 'a' ? 'b' : 'a'))
    const report = await complete({ test: forgetting }, { concurrency: 1 }).round()
    expect(report).toMatchObject({ seen: 2, completed: 1, failed: 0 })
    expect(told('passed-over')).toMatchObject([{ reason: 'it is not abandoned any more' }])
  })

  it('leaves alone what a caller carried on and gave back while it waited for its turn', async () => {
    const { once, leaveBehind, complete, afterLease, told } = abandonedWorld()
    for (const key of ['a', 'b']) await leaveBehind(key)
    await afterLease()
    const ran: string[] = []
    const declined = () => Promise.reject(new Error('declined'))
    const handler = async ({ key }: Operation) => {
      ran.push(key)
      await once(key === 'a' ? 'b' : 'a', declined).catch(() => {})
    }
    const report = await complete({ test: handler }, { concurrency: 1 }).round()
    expect(report).toMatchObject({ seen: 2, completed: 1, failed: 0 })
    expect(told('passed-over')).toMatchObject([{ reason: 'it is not abandoned any more' }])
    const other = ran[0] === 'a' ? 'b' : 'a'
    expect(await once.find(other)).toMatchObject({ state: 'idle' })
  })

  it('carries on what a caller abandoned once more while it waited for its turn', async () => {
    const { leaveBehind, complete, afterLease, told } = abandonedWorld()
    for (const key of ['a', 'b']) await leaveBehind(key)
    await afterLease()
    const ran: string[] = []
    const handler = async ({ key, attempt }: Operation) => {
      ran.push(`${key} ${attempt}`)
      if (ran.length > 1) return
      await leaveBehind(key === 'a' ? 'b' : 'a')
      await afterLease()
    }
    await complete({ test: handler }, { concurrency: 1 }).round()
    expect(ran.map((one) => one.slice(2)).toSorted()).toEqual(['2', '3'])
    expect(told('completed')).toHaveLength(2)
  })

  it('carries on at most `concurrency` at once, and looks at `maxPerRound` in a round', async () => {
    const { leaveBehind, complete, afterLease, runtime } = abandonedWorld()
    for (let i = 0; i < 7; i++) await leaveBehind(`key-${i}`)
    await afterLease()
    let running = 0
    let most = 0
    const handler = async () => {
      most = Math.max(most, ++running)
      await new Promise<void>((done) => void runtime.after(100, done))
      running--
    }
    const { round } = complete({ test: handler }, { concurrency: 2, maxPerRound: 5 })
    const rounds = Promise.all([round(), round()])
    await runtime.advance(2_000)
    expect(await rounds).toMatchObject([
      { completed: 5, more: true },
      { completed: 2, more: false },
    ])
    expect(most).toBe(2)
  })

  it('several at once run each handler once', async () => {
    const { open, store, leaveBehind, afterLease, runtime } = abandonedWorld()
    for (let i = 0; i < 20; i++) await leaveBehind(`key-${i}`)
    await afterLease()
    const ran: string[] = []
    const handler = async (op: Operation) => {
      ran.push(op.key)
      await new Promise<void>((done) => void runtime.after(10, done))
    }
    const rounds = Promise.all([1, 2, 3].map(() => completer({ once: open(), handlers: { test: handler } }).round()))
    await runtime.advance(1_000)
    expect((await rounds).reduce((sum, { completed }) => sum + completed, 0)).toBe(20)
    expect(new Set(ran).size).toBe(20)
    expect(ran).toHaveLength(20)
    expect((await store.list({ state: 'abandoned', limit: 10 })).items).toEqual([])
  })
})

describe('a completer that runs', () => {
  it('looks at once and again', async () => {
    const { leaveBehind, complete, afterLease, runtime, told } = abandonedWorld()
    await leaveBehind('a')
    await afterLease()
    const running = complete({ test: () => 1 }, { everyMs: 1_000 })
    running.start()
    running.start()
    await runtime.advance(0)
    expect(told('completed')).toHaveLength(1)
    await leaveBehind('b')
    await afterLease()
    expect(told('completed')).toHaveLength(2)
    await running.stop()
    expect(runtime.pending).toBe(0)
    await leaveBehind('c')
    running.start()
    await afterLease()
    expect(told('completed')).toHaveLength(2)
  })

  it('lets the handlers that run end when it is stopped, and begins no other', async () => {
    const { leaveBehind, complete, afterLease, runtime, told } = abandonedWorld()
    await leaveBehind('a')
    await leaveBehind('b')
    await afterLease()
    const handler = () => new Promise<void>((done) => void runtime.after(500, done))
    const running = complete({ test: handler }, { concurrency: 1 })
    running.start()
    await runtime.advance(100)
    let stopped = false
    const stop = running.stop().then(() => {
      stopped = true
    })
    await runtime.advance(300)
    expect(stopped).toBe(false)
    await runtime.advance(300)
    await stop
    expect(told('completed')).toHaveLength(1)
    expect(runtime.pending).toBe(0)
  })

  it('goes on after the store was down, and ends with the engine', async () => {
    const world = abandonedWorld()
    await world.leaveBehind('a')
    await world.afterLease()
    let down = true
    const once = world.open({}, (verb) => (verb === 'list' && down ? { kind: 'hang', applied: false } : undefined))
    const running = world.complete({ test: () => 'done' }, { once, everyMs: 1_000 })
    running.start()
    await world.runtime.advance(2_500)
    expect(world.told('store-failed')).not.toHaveLength(0)
    expect(world.told('completed')).toHaveLength(0)
    down = false
    await world.runtime.advance(2_500)
    expect(world.told('completed')).toHaveLength(1)
    await once.close()
    await world.leaveBehind('b')
    await world.runtime.advance(20_000)
    expect(world.runtime.pending).toBe(0)
    await running.stop()
  })

  it('is not disturbed by a listener that throws', async () => {
    const reported: unknown[] = []
    const { leaveBehind, complete, afterLease } = abandonedWorld({ onListenerError: (error) => reported.push(error) })
    await leaveBehind('a')
    await afterLease()
    const onEvent = () => {
      throw new Error('listener')
    }
    expect(await complete({ test: () => 1 }, { onEvent }).round()).toMatchObject({ completed: 1 })
    expect(reported).toMatchObject([{ message: 'listener' }])
  })
})

describe('refuses', () => {
  const once = onlyonce({ store: memoryStore(), scope: 'test' })
  const handlers = { test: () => 1 }
  const hashed = onlyonce({ store: memoryStore(), scope: 'test', keys: 'hashed' })
  it.each([
    ['an engine without readable keys', { once: hashed, handlers }, /`once` must have keys: 'plain'/],
    ['no engine', { handlers }, /`once` is required/],
    ['no handlers', { once, handlers: {} }, /`handlers` is required/],
    ['a handler that is none', { once, handlers: { test: 1 } }, /`handlers.test` must be a function/],
    ['a reserved scope', { once, handlers: { '!lock:test': () => 1 } }, /`scope` must not begin with `!`/],
    ['an unknown option', { once, handlers, every: 1 }, /`every` is not an option/],
    ['half an operation at once', { once, handlers, concurrency: 0.5 }, /`concurrency` must be a positive integer/],
    [
      'a back-off that shrinks',
      { once, handlers, backoffMs: 9, maxBackoffMs: 8 },
      /`maxBackoffMs` must not be shorter/,
    ],
    ['another way to give up', { once, handlers, onGivenUp: 'drop' }, /`onGivenUp` must be one of/],
    ['to run without the store', { once, handlers, call: { onStoreDown: 'run' } }, /`call.onStoreDown` must be one of/],
    ['a lease that is no time', { once, handlers, call: { leaseMs: 0 } }, /`leaseMs` must be a positive integer/],
  ])('%s', (_, options, message) => {
    const refused = expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringMatching(message) })
    expect(() => completer(options as never)).toThrow(refused)
  })
})
