import { describe, expect, it, vi } from 'vitest'
import type { ClaimRequest, Store, TransactionalStore } from '../core/store.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { fakeRuntime } from './fake-runtime.ts'
import { type Fault, type FaultPlan, type FaultyVerb, faultyStore } from './faulty-store.ts'

const request: ClaimRequest = {
  id: 'a'.repeat(32),
  fingerprint: 'f',
  owner: 'me',
  leaseMs: 1_000,
  retentionMs: 1_000,
}

/** A store with faults, the sound one behind it, and how often that was asked. */
function setUp(plan: FaultPlan) {
  const runtime = fakeRuntime()
  const sound = memoryStore({ runtime })
  const claim = vi.spyOn(sound, 'claim')
  const onFault = vi.fn()
  const store = faultyStore(sound, plan, { runtime, onFault })
  return { runtime, sound, claim, onFault, store }
}

/** Whether `work` has settled by now, after everything that needs no time has run. */
function watched<T>(work: Promise<T>): { readonly state: () => string } {
  let state = 'pending'
  work.then(
    () => {
      state = 'resolved'
    },
    () => {
      state = 'rejected'
    },
  )
  return { state: () => state }
}

describe('faultyStore', () => {
  it('is the store itself where the plan says nothing', async () => {
    const { store, sound, onFault } = setUp({})
    expect((await store.claim([request]))[0]?.kind).toBe('granted')
    expect([store.name, store.traits, store.size]).toEqual(['memory', sound.traits, 1])
    const wake = vi.fn()
    const stop = store.watch?.(request.id, wake)
    await store.forget([request.id])
    expect(wake).toHaveBeenCalledOnce()
    stop?.()
    await store[Symbol.asyncDispose]()
    expect(onFault).not.toHaveBeenCalled()
  })

  it('loses a request: the caller gets an error, and nothing happened', async () => {
    const { store, sound, claim, onFault } = setUp({ claim: { 1: { kind: 'lose-request' } } })
    await expect(store.claim([request])).rejects.toThrow('claim 1: the request was lost')
    expect(claim).not.toHaveBeenCalled()
    expect(onFault).toHaveBeenCalledExactlyOnceWith('claim', 1, { kind: 'lose-request' })
    expect((await store.claim([request]))[0]?.kind).toBe('granted')
    expect(sound.size).toBe(1)
  })

  it('loses a reply: the caller gets an error, and it happened', async () => {
    const { store, sound } = setUp({ claim: { 1: { kind: 'lose-reply' } } })
    await expect(store.claim([request])).rejects.toThrow('claim 1: the reply was lost')
    expect(sound.size).toBe(1)
  })

  it('throws the error it was given, whatever it is', async () => {
    const error = new Error('ECONNRESET')
    const { store } = setUp({
      claim: { 1: { kind: 'lose-reply', error }, 2: { kind: 'lose-request', error: undefined } },
    })
    await expect(store.claim([request])).rejects.toBe(error)
    await expect(store.claim([request])).rejects.toBe(undefined)
  })

  it('delays a request: it happens late', async () => {
    const { store, sound, runtime } = setUp({ claim: { 1: { kind: 'delay-request', ms: 100 } } })
    const answer = watched(store.claim([request]))
    await runtime.advance(99)
    expect([answer.state(), sound.size]).toEqual(['pending', 0])
    await runtime.advance(1)
    expect([answer.state(), sound.size]).toEqual(['resolved', 1])
  })

  it('delays a reply: it happens at once and is answered late', async () => {
    const { store, sound, runtime } = setUp({ claim: { 1: { kind: 'delay-reply', ms: 100 } } })
    const answer = watched(store.claim([request]))
    await runtime.advance(99)
    expect([answer.state(), sound.size]).toEqual(['pending', 1])
    await runtime.advance(1)
    expect(answer.state()).toBe('resolved')
  })

  it.each([true, false])('never answers, and applied the request: %s', async (applied) => {
    const { store, sound, runtime } = setUp({ claim: { 1: { kind: 'hang', applied } } })
    const answer = watched(store.claim([request]))
    await runtime.advance(1e9)
    expect([answer.state(), sound.size]).toEqual(['pending', applied ? 1 : 0])
  })

  it('sends twice, and answers what the second answer says', async () => {
    const { store, claim } = setUp({ forget: { 1: { kind: 'send-twice' } }, claim: { 1: { kind: 'send-twice' } } })
    expect((await store.claim([request]))[0]).toMatchObject({ kind: 'granted', starts: 1 })
    expect(claim).toHaveBeenCalledTimes(2)
    expect(await store.forget([request.id])).toBe(0)
  })

  it('sends a copy later, whose answer or error nobody sees', async () => {
    const { store, claim, runtime } = setUp({ claim: { 1: { kind: 'send-again', ms: 100 } } })
    expect((await store.claim([request]))[0]?.kind).toBe('granted')
    await store.forget([request.id])
    claim.mockRejectedValueOnce(new Error('nobody is told'))
    await runtime.advance(99)
    expect(claim).toHaveBeenCalledTimes(1)
    await runtime.advance(1)
    expect(claim).toHaveBeenCalledTimes(2)
  })

  it('counts the calls of each verb by itself, from 1', async () => {
    const { store } = setUp({ claim: { 2: { kind: 'lose-request' } }, find: { 1: { kind: 'lose-request' } } })
    await store.claim([request])
    await expect(store.find([request.id])).rejects.toThrow('find 1')
    await expect(store.claim([request])).rejects.toThrow('claim 2')
    await store.claim([request])
  })

  it('asks a plan that is a function, for every verb', async () => {
    const asked: string[] = []
    const { store } = setUp((verb, callNumber): Fault | undefined => {
      asked.push(`${verb} ${callNumber}`)
      return verb === 'sweep' && callNumber > 1 ? { kind: 'lose-request' } : undefined
    })
    const lease = { id: request.id, owner: 'me', fence: 1 }
    await store.claim([request])
    await store.renew([{ lease, leaseMs: 1, retentionMs: 1 }])
    await store.complete([{ lease, result: { kind: 'value', body: new Uint8Array() }, retentionMs: 1 }])
    await store.release([lease])
    await store.find([])
    await store.list({ limit: 1 })
    await store.forget([])
    await store.sweep(1)
    await expect(store.sweep(1)).rejects.toThrow('sweep 2: the request was lost')
    const verbs: FaultyVerb[] = ['claim', 'renew', 'complete', 'release', 'find', 'list', 'forget', 'sweep']
    expect(asked).toEqual([...verbs.map((verb) => `${verb} 1`), 'sweep 2'])
  })

  it('turns an error that the store throws at once into a rejection', async () => {
    const sound: Store = {
      ...memoryStore(),
      find: () => {
        throw new Error('not even a promise')
      },
    }
    await expect(faultyStore(sound, {}).find([])).rejects.toThrow('not even a promise')
  })

  it('loses the answer to a commit, and sends no transaction twice', async () => {
    const done: string[] = []
    const transaction = async (work: (tx: string) => Promise<unknown>) => {
      const value = await work('tx')
      done.push('commit')
      return value
    }
    const sound = { ...memoryStore(), transaction } as unknown as TransactionalStore<string>
    const store = faultyStore(sound, { transaction: { 1: { kind: 'lose-reply' }, 2: { kind: 'send-twice' } } })
    const work = async (tx: string) => void done.push(tx)
    await expect(store.transaction(work)).rejects.toThrow('transaction 1: the reply was lost')
    expect(done).toEqual(['tx', 'commit'])
    await expect(store.transaction(work)).rejects.toThrow('cannot be sent twice')
    await store.transaction(work)
    expect(done).toEqual(['tx', 'commit', 'tx', 'commit'])
  })
})
