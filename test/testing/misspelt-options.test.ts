import { describe, expect, it } from 'vitest'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { fakeRuntime, faultyStore, simulate } from '../../src/testing/index.ts'

const refused = (says: string) =>
  expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(says) })

/** A test that gives a wrong name would pass without having tried anything. */
describe('what tests are given is refused by a wrong name', () => {
  it.each([
    [{ seed: 3 }, 'seeds, from, onProgress'],
    [{ seeds: 'all' }, '`seeds` must be a whole number'],
    [{ from: 0.5 }, '`from` must be a whole number'],
  ])('simulate(%j)', async (options, says) => {
    await expect(simulate(options as never)).rejects.toEqual(refused(says))
  })

  it.each([
    [{ clam: {} }, {}, '`clam` is not an option; there are claim, renew'],
    [{ claim: { 1: { kind: 'lose' } } }, {}, "`claim.1.kind` must be one of 'delay-request'"],
    [{ claim: { first: { kind: 'lose-reply' } } }, {}, '`claim.first`'],
    [{ claim: { 1: { kind: 'delay-reply' } } }, {}, '`claim.1.ms` must be milliseconds'],
    [{ claim: { 1: { kind: 'send-again', ms: '5' } } }, {}, '`claim.1.ms` must be milliseconds'],
    [{ claim: { 1: { kind: 'hang' } } }, {}, '`claim.1.applied` must be true or false'],
    [{}, { runtim: fakeRuntime() }, 'runtime, onFault'],
  ])('faultyStore(store, %j, …)', (plan, options, says) => {
    expect(() => faultyStore(memoryStore(), plan as never, options as never)).toThrow(refused(says))
  })

  it.each([
    [{ kind: 'lose-replay' }, "`claim.1.kind` must be one of 'delay-request'"],
    ['lose-reply', "`claim.1.kind` must be one of 'delay-request'"],
    [{ kind: 'delay-request' }, '`claim.1.ms` must be milliseconds'],
  ])('faultyStore(store, () => %j)', async (fault, says) => {
    await expect(faultyStore(memoryStore(), (() => fault) as never).claim([])).rejects.toEqual(refused(says))
  })

  it('fakeRuntime({ start })', () => {
    expect(() => fakeRuntime({ start: 0 } as never)).toThrow(refused('now, seed'))
  })
})
