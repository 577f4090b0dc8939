import { expect, it, vi } from 'vitest'
import { insert, setup } from '../../test/atomic-kit.ts'
import { always, engine, gate } from '../../test/engine-kit.ts'
import type { Operation } from './once.ts'

it('a step that nobody waits for is over before its operation is done', async () => {
  const { once, types } = engine()
  const { started, effect } = gate<string>()
  let second: Promise<boolean> | undefined
  const call = once('a', async (op) => {
    second = op.step('one', effect).then(() => op.step('two', () => types().includes('executed')))
    return 'value'
  })
  await vi.waitFor(() => expect(started).toHaveLength(1))
  expect(await once.find('a')).toMatchObject({ state: 'running' })
  started[0]?.resolve('done')
  expect(await call).toBe('value')
  expect([await second, types()]).toEqual([false, expect.arrayContaining(['executed'])])
})

it('one that fails when the effect has returned fails the operation, which may be asked for again', async () => {
  const { once } = engine()
  const { started, effect } = gate<void>()
  const call = once('a', async (op) => {
    void op.step('one', effect)
    return 'value'
  })
  const failed = expect(call).rejects.toThrow('in a step')
  await vi.waitFor(() => expect(started).toHaveLength(1))
  started[0]?.reject(new Error('in a step'))
  await failed
  expect(await once('a', (op) => op.step('one', () => 'again'))).toBe('again')
})

it('one whose failure the effect has taken note of does not', async () => {
  const { once } = engine()
  const failing = () => Promise.reject(new Error('in a step'))
  expect(await once('a', (op) => op.step('one', failing).catch(() => 'instead'))).toBe('instead')
})

it('without the store, one that fails when the effect has returned fails the call', async () => {
  const { once, runtime } = engine({ onStoreDown: 'run' }, always('claim', { kind: 'lose-request' }))
  const { started, effect } = gate<void>()
  const call = once('a', async (op) => void op.step('one', effect))
  const failed = expect(call).rejects.toThrow('in a step')
  await runtime.advance(1_000)
  expect(started).toHaveLength(1)
  started[0]?.reject(new Error('in a step'))
  await failed
})

it('in a transaction, what one writes that nobody waits for is committed, or undone with its failure', async () => {
  const { once, count } = await setup()
  for (const fails of [false, true]) {
    const key = `fails: ${fails}`
    const call = once.atomic(key, (tx, op) => {
      void op.step('one', async () => {
        await new Promise((resolve) => setImmediate(resolve))
        await insert(key)(tx)
        if (fails) throw new Error('in a step')
      })
    })
    if (fails) await expect(call).rejects.toThrow('in a step')
    else await call
    expect(await count(key)).toBe(fails ? 0 : 1)
  }
})

it.each(['once', 'attempt', 'exclusive'] as const)(
  'one that is begun after the effect of %s is not run',
  async (verb) => {
    const { once } = engine()
    const ops: Operation[] = []
    const ask = verb === 'once' ? once : once[verb]
    await ask('a', (op: Operation) => void ops.push(op))
    const late = ops[0]?.step('late', () => expect.fail('ran'))
    await expect(late).rejects.toMatchObject({ code: 'CLOSED', message: expect.stringContaining('was not begun') })
  },
)

it('one that is begun after its transaction, or without the store after the effect, is not run', async () => {
  const ops: Operation[] = []
  const { once } = await setup()
  await once.atomic('a', (_, op) => void ops.push(op))
  const down = engine({ onStoreDown: 'run' }, always('claim', { kind: 'lose-request' }))
  const unprotected = down.once('a', (op) => void ops.push(op))
  await down.runtime.advance(1_000)
  await unprotected
  for (const op of ops)
    await expect(op.step('late', () => expect.fail('ran'))).rejects.toMatchObject({ code: 'CLOSED' })
  expect(ops).toHaveLength(2)
})

const newGate = () => {
  let open = () => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

it('in a transaction of the caller, one that goes on when the effect has thrown is undone with it', async () => {
  const { once, store, count } = await setup()
  const step = newGate()
  let ended = false
  await store.transaction(async (tx) => {
    const call = once.atomic(
      'a',
      (_, op) => {
        void op.step('one', async () => {
          await step.passed
          insert('a')(tx)
          throw new Error('in a step')
        })
        throw new Error('in the effect')
      },
      { tx },
    )
    const failed = expect(call).rejects.toThrow('in the effect')
    void failed.then(() => {
      ended = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(ended).toBe(false)
    step.open()
    await failed
  })
  expect(await count('a')).toBe(0)
})

it('in a batch, the other steps are over before the failure of one is told', async () => {
  const { once } = await setup()
  const step = newGate()
  let over = false
  const call = once.atomic.batch(['a'], (_, [op]) => {
    void op?.step('one', () => Promise.reject(new Error('in a step')))
    void op?.step('two', async () => {
      await step.passed
      over = true
      throw new Error('in another step')
    })
  })
  const told = call.then(([outcome]) => [outcome?.kind, over])
  await new Promise((resolve) => setImmediate(resolve))
  step.open()
  expect(await told).toEqual(['failed', true])
})

it('without the store, one that goes on when the effect has thrown is over before the call, and none begins after it', async () => {
  const { once, runtime } = engine({ onStoreDown: 'run' }, always('claim', { kind: 'lose-request' }))
  const { started, effect } = gate<void>()
  const ops: Operation[] = []
  const call = once('a', (op) => {
    ops.push(op)
    void op.step('one', effect)
    throw new Error('in the effect')
  })
  let ended = false
  const failed = expect(call).rejects.toThrow('in the effect')
  void failed.then(() => {
    ended = true
  })
  await runtime.advance(1_000)
  expect([started.length, ended]).toEqual([1, false])
  started[0]?.reject(new Error('in a step'))
  await failed
  await expect(ops[0]?.step('late', () => expect.fail('ran'))).rejects.toMatchObject({ code: 'CLOSED' })
})
