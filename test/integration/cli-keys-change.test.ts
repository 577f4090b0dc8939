import { describe, expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import type { Lease } from '../../src/core/record.ts'
import { readResult, storedValue } from '../../src/core/result.ts'
import { abandoned, claim, cli, done, find, json, type Setting, steps, store, unknown, url } from './cli-kit.ts'

describe('asking', () => {
  it.each([
    ['release', []],
    ['forget', []],
    ['resolve', ['--did-not-happen']],
    ['resolve', ['--happened']],
  ])('keys %s %j refuses without a terminal and --yes', async (verb, options) => {
    await abandoned('a')
    const said = await cli(['keys', verb, 'a', '--scope', 'payments', '--store', url, ...options])
    expect(said).toMatchObject({ code: 2, out: '' })
    expect(said.err).toContain('--yes')
    expect(await find('a')).toMatchObject({ state: 'running' })
  })

  it('does not say that --happened lets the effect run again', async () => {
    const said = await cli(['keys', 'resolve', 'a', '--scope', 'payments', '--store', url, '--happened'])
    expect(said.err).toContain('no terminal')
    expect(said.err).toContain('from ever running again')
    expect(said.err).not.toContain('may let')
  })

  it.each(['', 'n', 'no', 'yes please', 'ja'])('takes %j for a no, and changes nothing', async (answer) => {
    await abandoned('a')
    const before = await find('a')
    const said = await cli(['keys', 'forget', 'a', '--scope', 'payments', '--store', url], {
      tty: true,
      answer: () => answer,
    })
    expect(said).toMatchObject({ code: 1, out: '' })
    expect(said.err).toContain('Nothing was changed')
    expect(await find('a')).toEqual({ ...before, readAt: expect.any(Number) })
  })

  it.each(['y', 'yes', ' YES '])('takes %j for a yes', async (answer) => {
    await abandoned('a')
    const said = await cli(['keys', 'forget', 'a', '--scope', 'payments', '--store', url], {
      tty: true,
      answer: () => answer,
    })
    expect(said.code).toBe(0)
    expect(await find('a')).toBeUndefined()
  })

  it('says what may run again before it asks, on stderr', async () => {
    await abandoned('a')
    for (const [verb, ...options] of [['forget'], ['resolve', '--did-not-happen'], ['release']]) {
      let asked = ''
      const said = await cli(['keys', verb as string, 'a', '--scope', 'payments', '--store', url, ...options], {
        tty: true,
        env: { NO_COLOR: '1' },
        answer: (question) => {
          asked = question
          return 'no'
        },
      })
      expect(asked).toContain('yes/no')
      expect(said.err).toMatch(/runs the effect again/)
    }
  })
})

describe('keys release', () => {
  const release = (...argv: string[]) =>
    cli(['keys', 'release', 'a', '--scope', 'payments', '--store', url, '--yes', ...argv])

  it('gives a stuck claim back; its owner is fenced out', async () => {
    const lease = await claim('a')
    const said = await release('--json')
    expect(said.code).toBe(0)
    expect(json(said)).toEqual({ id: lease.id, action: 'released', outcome: 'ok' })
    expect(said.err).toContain('fenced out')
    expect(await find('a')).toMatchObject({ state: 'idle' })
    expect(await store.complete([{ lease, result: storedValue(1), retentionMs: 1 }])).toEqual(['lost'])
  })

  it.each([
    ['done', () => done('a', storedValue(1)), 'keys forget'],
    ['unknown', () => unknown('a'), 'keys resolve'],
    ['idle', async () => store.release([await claim('a')]), 'claimed already'],
  ])('refuses one that is %s', async (_, prepare, message) => {
    await prepare()
    const before = await find('a')
    const said = await release()
    expect(said.code).toBe(1)
    expect(said.err).toContain(message)
    expect(await find('a')).toEqual({ ...before, readAt: expect.any(Number) })
  })

  it('does not take the claim of a newer owner away', async () => {
    await abandoned('a')
    const said = await cli(['keys', 'release', 'a', '--scope', 'payments', '--store', url], {
      tty: true,
      answer: async () => {
        await claim('a', { owner: 'new' })
        return 'yes'
      },
    })
    expect(said.code).toBe(1)
    expect(said.err).toMatch(/lost: .* it is now running, attempt 2/)
    expect(await find('a')).toMatchObject({ state: 'running', owner: 'new' })
  })
})

describe('keys forget', () => {
  const forget = (setting?: Setting) =>
    cli(['keys', 'forget', 'a', '--scope', 'payments', '--store', url, ...(setting ? [] : ['--yes'])], setting)

  it('removes the record, whatever its state', async () => {
    await done('a', storedValue(1))
    const said = await forget()
    expect(said).toMatchObject({ code: 0, out: 'forgot "a" in scope "payments"\n' })
    expect(await find('a')).toBeUndefined()
    expect((await forget()).code).toBe(1)
  })

  it.each([
    ['taken over', async () => void (await claim('a', { owner: 'new' }))],
    [
      'settled',
      async (lease: Lease) => void (await store.complete([{ lease, result: storedValue(1), retentionMs: 99_999 }])),
    ],
    ['released', async (lease: Lease) => void (await store.release([lease]))],
    ['gone', async (lease: Lease) => void (await store.forget([lease.id]))],
  ])('does nothing when it was %s meanwhile', async (_, meanwhile) => {
    const lease = await abandoned('a')
    let changed: unknown
    const said = await forget({
      tty: true,
      answer: async () => {
        await meanwhile(lease)
        changed = await find('a')
        return 'yes'
      },
    })
    expect(said.code).toBe(1)
    expect(said.err).toContain('lost:')
    expect(await find('a')).toEqual(changed && { ...changed, readAt: expect.any(Number) })
  })

  it('also removes a record that nobody can read', async () => {
    await claim('a')
    await store.transaction(async (tx) => tx.exec('UPDATE onlyonce_operations SET format = 99'))
    expect((await cli(['keys', 'get', 'a', '--scope', 'payments', '--store', url])).code).toBe(1)
    expect((await cli(['doctor', '--store', url])).code).toBe(1)
    const said = await forget()
    expect(said.err).toContain('cannot be read')
    expect(said.code).toBe(0)
    expect((await cli(['keys', 'ls', '--store', url])).out).toBe('')
  })
})

describe('keys resolve', () => {
  const resolve = (...argv: string[]) =>
    cli(['keys', 'resolve', 'a', '--scope', 'payments', '--store', url, '--yes', ...argv])
  const shown = async () =>
    json(await cli(['keys', 'get', 'a', '--scope', 'payments', '--store', url, '--json', '--show-result']))

  it.each([
    ['abandoned', abandoned],
    ['unknown', unknown],
  ])('makes an %s one done with the given value', async (_, prepare) => {
    await prepare('a')
    const said = await resolve('--happened', '--value', '{"paid":true}')
    expect(said).toMatchObject({ code: 0, out: 'resolved (happened) "a" in scope "payments"\n' })
    expect(await shown()).toMatchObject({ state: 'done', result: { kind: 'value', value: { paid: true } } })
    const { retainUntil = 0, readAt = 0 } = (await find('a')) ?? {}
    expect(Math.abs(retainUntil - readAt - 86_400_000)).toBeLessThan(10_000)
  })

  it('keeps the retention the operation was claimed with, unless another is given', async () => {
    await abandoned('a', { retentionMs: 5_000_000 })
    await resolve('--happened')
    const { retainUntil = 0, readAt = 0, result } = (await find('a')) ?? {}
    expect(Math.abs(retainUntil - readAt - 5_000_000)).toBeLessThan(10_000)
    expect(result && readResult('a', result)).toEqual({ value: undefined })
    await store.forget([operationId('payments', 'a')])
    await unknown('a')
    await resolve('--happened', '--retention-ms', '7000000')
    const after = await find('a')
    expect(Math.abs((after?.retainUntil ?? 0) - (after?.readAt ?? 0) - 7_000_000)).toBeLessThan(10_000)
  })

  it('lets one that did not happen run again', async () => {
    await abandoned('a')
    expect((await resolve('--did-not-happen')).code).toBe(0)
    expect(await find('a')).toMatchObject({ state: 'idle' })
    await claim('a')
  })

  it('forgets an unknown one that did not happen: a done record cannot be released', async () => {
    await unknown('a')
    expect((await resolve('--did-not-happen')).code).toBe(0)
    expect(await find('a')).toBeUndefined()
  })

  it('starts clean after several abandoned attempts, so that `hold` does not park it again', async () => {
    await abandoned('a')
    await abandoned('a')
    expect(await find('a')).toMatchObject({ attempt: 2 })
    expect((await resolve('--did-not-happen')).code).toBe(0)
    await claim('a')
    expect(await find('a')).toMatchObject({ attempt: 1 })
  })

  it('never runs finished steps again', async () => {
    await abandoned('a')
    const lease = await claim('a', { leaseMs: 1 })
    await store.renew([{ lease, leaseMs: 1, retentionMs: 86_400_000, steps }])
    await new Promise((wake) => setTimeout(wake, 5))
    const said = await resolve('--did-not-happen')
    expect(said.err).toMatch(/finished steps are kept[\s\S]*Earlier attempts were abandoned too/)
    expect(await find('a')).toMatchObject({ state: 'idle', steps })
  })

  it.each([
    ['running', () => claim('a'), 'its owner is at work'],
    ['done', () => done('a', storedValue('own')), 'already has a result'],
    ['idle', async () => store.release([await claim('a')]), 'can be claimed'],
  ])('refuses one that is %s', async (_, prepare, message) => {
    await prepare()
    const before = await find('a')
    for (const what of ['--happened', '--did-not-happen']) {
      const said = await resolve(what)
      expect(said.code).toBe(1)
      expect(said.err).toContain(message)
    }
    expect(await find('a')).toEqual({ ...before, readAt: expect.any(Number) })
  })

  it.each(['abandoned', 'unknown'])(
    'does not overrule the owner of an %s one who came back meanwhile',
    async (state) => {
      const lease = await (state === 'unknown' ? unknown('a') : abandoned('a'))
      for (const what of ['--happened', '--did-not-happen']) {
        const said = await cli(['keys', 'resolve', 'a', '--scope', 'payments', '--store', url, what], {
          tty: true,
          answer: async () => {
            await store.complete([{ lease, result: storedValue('own'), retentionMs: 86_400_000 }])
            return 'yes'
          },
        })
        expect(said.code).toBe(1)
        if (what === '--happened') expect(said.err).toMatch(/lost: .* it is now done/)
      }
      expect(await shown()).toMatchObject({ state: 'done', result: { kind: 'value', value: 'own' } })
    },
  )

  it('refuses a value that is too large to store', async () => {
    await abandoned('a')
    const said = await resolve('--happened', '--value', JSON.stringify('x'.repeat(2_000_000)))
    expect(said.code).toBe(2)
    expect(said.err).toContain('cannot be stored')
    expect(await find('a')).toMatchObject({ state: 'running' })
  })
})

describe('an owner who was thought gone', () => {
  it.each([
    ['release', []],
    ['forget', []],
    ['resolve', ['--happened']],
    ['resolve', ['--did-not-happen']],
  ])('keys %s %j leaves alone one who renewed its lease meanwhile', async (verb, options) => {
    for (const attempts of [1, 2]) {
      const key = `a${attempts}`
      for (let before = 1; before < attempts; before++) await abandoned(key)
      const lease = await abandoned(key)
      let renewed: unknown
      const said = await cli(['keys', verb, key, '--scope', 'payments', '--store', url, ...options], {
        tty: true,
        answer: async () => {
          await store.renew([{ lease, leaseMs: 60_000, retentionMs: 86_400_000 }])
          renewed = await find(key)
          return 'yes'
        },
      })
      expect(said.err).toMatch(/lost: .* it is now running/)
      expect(said.code).toBe(1)
      expect(await find(key)).toEqual({ ...(renewed as object), readAt: expect.any(Number) })
    }
  })

  it('keys release goes on where the lease ran out meanwhile', async () => {
    await claim('a', { leaseMs: 50 })
    const said = await cli(['keys', 'release', 'a', '--scope', 'payments', '--store', url], {
      tty: true,
      answer: () => new Promise((resolve) => setTimeout(resolve, 60, 'yes')),
    })
    expect(said.code).toBe(0)
    expect(await find('a')).toMatchObject({ state: 'idle' })
  })
})

/** Records as they were left `agoMs` ago. */
