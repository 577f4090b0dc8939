import { describe, expect, it } from 'vitest'
import { idempotent } from '../../src/guards/decorator.ts'
import { onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'

describe('idempotent', () => {
  const setUp = () => {
    const once = onlyonce({ store: memoryStore(), scope: 'mail' })
    const sent: string[] = []
    const send = async (to: string, text: string) => {
      sent.push(`${to} ${text}`)
      return { id: sent.length }
    }
    return { once, sent, send }
  }

  it('runs a function once for each key, in the scope that it was given', async () => {
    const { once, sent, send } = setUp()
    const sendOnce = idempotent(send, { once, scope: 'welcome', key: (to) => to })
    expect([await sendOnce('ann', 'hi'), await sendOnce('ann', 'hello'), await sendOnce('bob', 'hi')]).toEqual([
      { id: 1 },
      { id: 1 },
      { id: 2 },
    ])
    expect(sent).toEqual(['ann hi', 'bob hi'])
    expect((await once.find({ key: 'ann', scope: 'welcome' }))?.state).toBe('done')
    expect([sendOnce.name, sendOnce.length]).toEqual(['send', 2])
  })

  it('passes `this` on, and takes a scope and payload from the key', async () => {
    const { once } = setUp()
    const shop = {
      name: 'shop',
      greet: idempotent(
        async function (this: { name: string }, whom: string) {
          return `${this.name} greets ${whom}`
        },
        {
          once,
          scope: 'greetings',
          key(whom) {
            return { key: whom, scope: `greetings/${this.name}`, payload: [whom] }
          },
        },
      ),
    }
    expect(await shop.greet('ann')).toBe('shop greets ann')
    expect((await once.find({ key: 'ann', scope: 'greetings/shop', payload: ['ann'] }))?.state).toBe('done')
  })

  it('binds the payload of a key that is made by a class', async () => {
    const { once, sent, send } = setUp()
    class Mail {
      readonly key = 'ann'
      readonly #text: string
      constructor(text: string) {
        this.#text = text
      }
      get payload() {
        return this.#text
      }
    }
    const sendOnce = idempotent(send, { once, scope: 'welcome', key: (_, text) => new Mail(text) })
    await sendOnce('ann', 'hi')
    await expect(sendOnce('ann', 'bye')).rejects.toMatchObject({ code: 'KEY_REUSED' })
    expect(sent).toEqual(['ann hi'])
    expect(await once.exclusive(new Mail('hi'), () => 'in')).toBe('in')
    await expect(once.exclusive(new Mail('bye'), () => 'in')).rejects.toMatchObject({ code: 'KEY_REUSED' })
  })

  it('two functions may share a scope, when they are told to', async () => {
    const { once, send, sent } = setUp()
    const first = idempotent(send, { once, scope: 'welcome', key: (to) => to })
    const second = idempotent(send, { once, scope: 'welcome', key: (to) => to })
    await first('ann', 'hi')
    await second('ann', 'hi')
    expect(sent).toHaveLength(1)
  })

  it('refuses misuse at once', async () => {
    const { once, send } = setUp()
    const refused = (fn: unknown, options: object) => () => idempotent(fn as typeof send, options as never)
    const key = (to: string) => to
    const code = expect.objectContaining({ code: 'OPTION_INVALID' })
    expect(refused(send, { once, key })).toThrow(code)
    expect(refused(send, { once, key, scope: '' })).toThrow(code)
    expect(refused(send, { once, scope: 's' })).toThrow(code)
    expect(refused(send, { key, scope: 's' })).toThrow(code)
    expect(refused(() => 1, { once, key, scope: 's' })).toThrow(code)
    expect(refused(undefined, { once, key, scope: 's' })).toThrow(code)
    expect(refused(send, { once, key, scope: 's', leaseMs: 0 })).toThrow(code)
    expect(refused(send, { once, key, scope: 's', check: 'x' })).toThrow(code)
    const asynchronous = idempotent(send, { once, scope: 's', key: (async () => 'k') as never })
    await expect(asynchronous('a', 'b')).rejects.toMatchObject({ code: 'KEY_INVALID' })
    const none = idempotent(send, { once: () => undefined as never, scope: 's', key })
    await expect(none('a', 'b')).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})
