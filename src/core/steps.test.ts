import { describe, expect, it } from 'vitest'
import { engine, gate } from '../../test/engine-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'

describe('steps', () => {
  it('that finished are not run again by a later attempt', async () => {
    const { once } = engine()
    const ran: string[] = []
    const effect = (fail: boolean) => async (op: { step: <T>(name: string, fn: () => T) => Promise<T> }) => {
      const reserved = await op.step('reserve', () => ran.push('reserve'))
      if (fail) throw new Error('between')
      return [reserved, await op.step('capture', () => ran.push('capture'))]
    }
    await expect(once('a', effect(true))).rejects.toThrow('between')
    expect(await once('a', effect(false))).toEqual([1, 2])
    expect(ran).toEqual(['reserve', 'capture'])
  })

  it('survive a crash: the successor gets their results', async () => {
    const { once, open, runtime } = engine()
    const faulty = open({}, (verb, call) => (verb === 'renew' && call > 1 ? { kind: 'lose-request' } : undefined))
    void faulty.attempt('a', async (op) => {
      await op.step('reserve', () => ({ id: 7 }))
      await new Promise(() => {})
    })
    await runtime.advance(4_000)
    const result = await once('a', (op) => op.step('reserve', () => expect.fail('ran') as { id: number }))
    expect(result).toEqual({ id: 7 })
  })

  it('answer with the stored form, and refuse a name that is used twice or empty', async () => {
    const { once } = engine()
    await once('a', async (op) => {
      const own = { at: new Date(1) }
      const stored = await op.step('one', () => own)
      expect(stored).toEqual(own)
      expect(stored).not.toBe(own)
      const twice = expect.stringMatching(/^step "one" of "a" was used twice/)
      await expect(op.step('one', () => 2)).rejects.toMatchObject({ code: 'OPTION_INVALID', message: twice })
      for (const name of ['', 5 as never, 'x'.repeat(256)]) {
        await expect(op.step(name, () => 2)).rejects.toMatchObject({
          code: 'OPTION_INVALID',
          message: expect.stringMatching(/needs a name/),
        })
      }
      for (const fn of [undefined, Promise.resolve(2)]) {
        await expect(op.step('two', fn as never)).rejects.toMatchObject({
          code: 'OPTION_INVALID',
          message: expect.stringMatching(/^step "two" of "a" needs a function/),
        })
      }
    })
  })

  it('whose result cannot be stored do not run again either', async () => {
    const { once } = engine()
    let stepRuns = 0
    const counting = (op: { step: <T>(name: string, fn: () => T) => Promise<T> }) =>
      op.step('one', () => {
        stepRuns++
        return { id: 1, send: () => {} }
      })
    for (const why of ['result.send is a function, which cannot be stored', 'its result cannot be stored']) {
      const message = expect.stringContaining(`step "one" of "a" ran, but ${why}; return plain data, and from all`)
      await expect(once('a', counting)).rejects.toMatchObject({ code: 'RESULT_UNSERIALIZABLE', message })
    }
    expect(stepRuns).toBe(1)
  })

  it('have room for so much together: one whose result has none left does not run again either', async () => {
    const { once } = engine()
    const ran: string[] = []
    const half = (name: string) => () => {
      ran.push(name)
      return 'x'.repeat(600_000)
    }
    for (let again = 0; again < 2; again++) {
      const code = codeOf(
        once('a', async (op) => {
          await op.step('first', half('first'))
          await op.step('second', half('second'))
        }),
      )
      expect(await code).toBe('RESULT_UNSERIALIZABLE')
    }
    expect(ran).toEqual(['first', 'second'])
    expect(await once('b', (op) => op.step('small', () => 1))).toBe(1)
  })

  it('do not begin where not even the least result has room', async () => {
    const { once } = engine()
    let charged = false
    const code = codeOf(
      once('a', async (op) => {
        const room = 1024 * 1024
        await op.step('large', () => 'x'.repeat(room - 20))
        await op.step('charge', () => {
          charged = true
        })
      }),
    )
    expect([await code, charged]).toEqual(['OPTION_INVALID', false])
  })

  it('are at most a thousand, one after the other or side by side, and the next one does not begin', async () => {
    const { once } = engine()
    let ran = 0
    const names = Array.from({ length: 1_001 }, (_, n) => `step ${n}`)
    const inTurn = codeOf(
      once('a', async (op) => {
        for (const name of names) await op.step(name, () => ++ran)
      }),
    )
    expect([await inTurn, ran]).toEqual(['OPTION_INVALID', 1_000])
    const together = codeOf(once('b', (op) => Promise.all(names.map((name) => op.step(name, () => ++ran)))))
    expect([await together, ran]).toEqual(['OPTION_INVALID', 2_000])
  })

  it('are as many and as large as they like where nothing is saved', async () => {
    const { once } = engine()
    const half = 'x'.repeat(600_000)
    const lengths = await once.exclusive('a', async (op) => {
      for (let n = 0; n < 1_000; n++) await op.step(`step ${n}`, () => n)
      return [
        await op.step('one', () => half.length),
        (await op.step('two', () => half)).length,
        (await op.step('three', () => half)).length,
      ]
    })
    expect(lengths).toEqual([600_000, 600_000, 600_000])
  })

  it('end with LEASE_LOST, without counting, when another owner has the operation', async () => {
    const { once, runtime } = engine()
    const { started, effect } = gate<void>()
    let second = false
    const slow = once('a', async (op) => {
      await effect()
      await op.step('one', () => 1)
      second = true
    })
    const message = expect.stringMatching(/its record is gone, forgotten or expired; look/)
    const cause = { message: expect.stringMatching(/another owner took it over, or it was forgotten/) }
    const refused = expect(slow).rejects.toMatchObject({ code: 'LEASE_LOST', message, cause })
    await runtime.advance(0)
    await once.forget('a')
    started[0]?.resolve()
    await refused
    expect(second).toBe(false)
  })

  it('that are taken over while they run abort the signal, with that as its reason', async () => {
    const { once, store, runtime } = engine()
    const reasons: unknown[] = []
    const slow = codeOf(
      once('a', async (op) => {
        op.signal.addEventListener('abort', () => reasons.push(op.signal.reason))
        await op.step('one', async () => {
          const [record] = (await store.list({ limit: 1 })).items
          await store.forget([record?.id ?? expect.unreachable()])
        })
      }),
    )
    await runtime.advance(100)
    expect(await slow).toBe('LEASE_LOST')
    expect(reasons).toEqual([
      expect.objectContaining({
        code: 'LEASE_LOST',
        message: expect.stringContaining('another owner took it over, or it was forgotten'),
      }),
    ])
  })

  it('do not begin after the signal was aborted', async () => {
    const { once, runtime } = engine({ maxRunMs: 3_000 })
    const { started, effect } = gate<void>()
    let began = false
    const slow = codeOf(
      once('a', async (op) => {
        await effect()
        await op.step('one', () => {
          began = true
        })
      }),
    )
    await runtime.advance(3_500)
    started[0]?.resolve()
    expect(await slow).toBe('LEASE_LOST')
    expect(began).toBe(false)
  })
})
