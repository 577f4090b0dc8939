import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { decodeResult, encodeResult } from './codec.ts'
import { leaseLost } from './holding.ts'
import { RunningOperation } from './operation.ts'
import type { Steps } from './record.ts'

/** An operation whose earlier attempts finished these steps, and what it stores. */
function attempt(...finished: readonly string[]) {
  const steps = finished.map((name) => ({ name, result: encodeResult(`stored ${name}`) }))
  const saved: string[] = []
  const op = new RunningOperation({
    named: { id: 'i', scope: 's', key: 'k', fingerprint: '' },
    attempt: 2,
    starts: 2,
    fence: 1,
    owner: 'o',
    steps,
    saveSteps: async (all: Steps) => void saved.push(all.map(({ name }) => name).join()),
  })
  return { op, saved, run: (name: string) => op.step(name, () => `ran ${name}`) }
}

const changed = (finished: string, begun: string) => ({
  code: 'OUTCOME_UNKNOWN',
  retryable: false,
  message: expect.stringMatching(
    new RegExp(`"k" has finished step "${finished}", which this code did not ask for before it began "${begun}"`),
  ),
})

describe('a changed list of steps', () => {
  it('is found before a renamed step runs again', async () => {
    const { run, op, saved } = attempt('reserve', 'charge')
    expect(await run('reserve')).toBe('stored reserve')
    await expect(op.step('capture', () => expect.fail('ran'))).rejects.toMatchObject(changed('charge', 'capture'))
    expect(saved).toEqual([])
  })

  it('is found when a step was put before those that are finished', async () => {
    const { run } = attempt('reserve')
    await expect(run('check')).rejects.toMatchObject(changed('reserve', 'check'))
  })

  it('is none when steps were added behind', async () => {
    const { run, saved } = attempt('reserve')
    expect([await run('reserve'), await run('charge'), await run('mail')]).toEqual([
      'stored reserve',
      'ran charge',
      'ran mail',
    ])
    expect(saved).toEqual(['reserve,charge', 'reserve,charge,mail'])
  })

  it('is none when a finished one is not asked for any more and nothing new begins', async () => {
    expect(await attempt('reserve', 'mail').run('reserve')).toBe('stored reserve')
  })
})

describe('steps side by side', () => {
  it('may have finished in any order', async () => {
    const { run } = attempt('b')
    expect(await Promise.all([run('a'), run('b')])).toEqual(['ran a', 'stored b'])
  })

  it('may be chains of different length', async () => {
    const { run } = attempt('b1', 'b2', 'b3', 'b4')
    const chain = async () => {
      const stored: string[] = []
      for (const name of ['b1', 'b2', 'b3', 'b4']) stored.push(await run(name))
      return stored.length
    }
    expect(await Promise.all([run('a'), chain()])).toEqual(['ran a', 4])
  })
})

it('answers what was stored', async () => {
  const { op } = attempt()
  const value = await op.step('one', () => new Map([[1, 2]]))
  expect(value).toEqual(decodeResult(encodeResult(new Map([[1, 2]]))))
})

describe('the signal', () => {
  it('aborts in the context of whoever asked for it, whosever timer it was', () => {
    const context = new AsyncLocalStorage<string>()
    const { op } = attempt()
    let heardIn: string | undefined
    context.run('the effect', () =>
      op.signal.addEventListener('abort', () => {
        heardIn = context.getStore()
      }),
    )
    context.run('a stranger', () => RunningOperation.abort(op, leaseLost('k', 'taken over')))
    expect(heardIn).toBe('the effect')
    expect(op.signal.aborted).toBe(true)
  })
})

describe('the key of a part', () => {
  it.each(['\ud83d', 'a\udfff', undefined, null, 7, {}])('is refused for the name %j', (name) => {
    const { op } = attempt()
    const refused = expect.objectContaining({ code: 'KEY_INVALID', message: expect.stringContaining('well-formed') })
    expect(() => op.child(name as string)).toThrow(refused)
  })

  it.each([`charge:${undefined}`, `charge:${null}`, `charge:${Number('x')}`, `charge:${{}}`])(
    'is refused for %j, which all parts without their value would share',
    (name) => {
      const { op } = attempt()
      const message = `the name "${name}" of a part contains \`${name.slice('charge:'.length)}\`, what is left of a missing value`
      expect(() => op.child(name)).toThrow(
        expect.objectContaining({ code: 'KEY_INVALID', message: expect.stringContaining(message) }),
      )
    },
  )

  it('is another one for each name, down to the byte', () => {
    const { op } = attempt()
    const names = ['', ' ', 'a', 'A', 'a\0', 'é', 'e\u0301', '😀', '\ufffd']
    expect(new Set(names.map(op.child)).size).toBe(names.length)
  })
})
