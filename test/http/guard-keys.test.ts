import { describe, expect, it } from 'vitest'
import { guarded, seen } from './guard-kit.ts'

describe('a key', () => {
  it('is not needed, unless it is required', async () => {
    expect(await guarded().ask({ key: '' })).toBeUndefined()
    expect(seen(await guarded({ required: true }).ask({ key: '' }))).toBe('400 missing-key')
    const some = guarded({ required: ({ url }) => url === '/orders' })
    expect(seen(await some.ask({ key: '' }))).toBe('400 missing-key')
    expect(await some.ask({ key: '', url: '/likes' })).toBeUndefined()
  })

  it.each([
    '""',
    ' ',
    'a b',
    'a, b',
    'a,b',
    '"a"b',
    '"a',
    'a"b',
    'ä',
    'a\tb',
    '"a\u0001"',
    '\\',
    'x'.repeat(256),
    `"${'x'.repeat(256)}"`,
  ])('%j is refused, and the handler does not run', async (key) => {
    const { ask, runs } = guarded()
    expect(seen(await ask({ key }))).toMatch(/^400 (invalid|missing)-key$/)
    expect(runs()).toBe(0)
  })

  it.each(['undefined', 'null', '"order:NaN"', '[object Object]'])(
    'that a client made of no value is refused, and the answer says why: %j',
    async (key) => {
      const { ask, runs } = guarded()
      const answer = await ask({ key })
      expect(seen(answer)).toBe('400 invalid-key')
      const { detail } = JSON.parse(new TextDecoder().decode(answer?.body as Uint8Array))
      expect(detail).toContain('left of a missing one, such as `undefined`')
      expect(runs()).toBe(0)
    },
  )

  it('is the same bare, quoted, and with parameters', async () => {
    const { ask, runs } = guarded()
    for (const key of ['k1', '"k1"', '"k1";v=1', ' "k1" '])
      expect(seen(await ask({ key }))).toContain('201 {"order":1}')
    expect(runs()).toBe(1)
    expect(seen(await guarded({ keySyntax: 'strict' }).ask({ key: 'k1' }))).toBe('400 invalid-key')
  })

  it('may have to look a certain way', async () => {
    const { ask } = guarded({ keyPattern: /^[0-9a-f-]{36}$/ })
    expect(seen(await ask())).toBe('400 invalid-key')
    expect(seen(await ask({ key: '7d9f8f4e-0c7e-4d0e-9f58-6f2f0c6e7f10' }))).toContain('201')
  })

  it.each([true, false])('may be required by a function that answers later: %j', async (required) => {
    const { ask } = guarded({ required: async () => required })
    const answer = await ask({ key: '' })
    if (required) expect(seen(answer)).toBe('400 missing-key')
    else expect(answer).toBeUndefined()
  })

  it('may come from the business', async () => {
    const { ask, runs } = guarded({ key: ({ request }) => request.headers?.['x-event'] })
    const event = { key: '', headers: { 'x-event': 'evt_1' } }
    expect(seen(await ask(event))).toContain('201')
    expect(seen(await ask(event))).toContain('replayed')
    expect(await ask({ key: 'k1' })).toBeUndefined()
    expect(runs()).toBe(1)
  })
})

it.each([undefined, null, '', 7, { id: 7 }])(
  'a fingerprint function that answers %j is an error of the server',
  async (given) => {
    const { ask, runs } = guarded({ fingerprint: (() => given) as never })
    const refused = ask({ url: '/orders?token=secret' })
    await expect(refused).rejects.toThrow(
      /^the function `fingerprint` answered .* for POST \/orders: answer a text that/,
    )
    await expect(refused).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect(runs()).toBe(0)
  },
)
