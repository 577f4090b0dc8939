import { describe, expect, it } from 'vitest'
import { type BodyFingerprint, fingerprintOfRequest } from './fingerprint.ts'

function fingerprint(parsed: unknown, how: BodyFingerprint, contentType = 'application/json'): string {
  return fingerprintOfRequest({ method: 'POST', url: '/', contentType, body: { parsed } }, how)
}

class Secret {
  readonly #what = 'hidden'
  toString() {
    return this.#what
  }
}

const form = new FormData()
form.set('amount', '1')

const cycle: { self?: unknown } = {}
cycle.self = cycle

describe('a body that a parser made', () => {
  it.each<[string, unknown]>([
    ['FormData', form],
    ['a Map', new Map([['amount', 1]])],
    ['a Map inside', { items: [{ a: new Map([['amount', 1]]) }] }],
    ['a class that hides its contents', new Secret()],
    ['a bigint', { amount: 1n }],
    ['a cycle', cycle],
    ['a function', () => 1],
  ])('is refused when its text would lose it: %s', (_, parsed) => {
    for (const how of ['raw', 'canonical'] as const) {
      for (const type of ['application/json', 'multipart/form-data']) {
        expect(() => fingerprint(parsed, how, type)).toThrow(
          expect.objectContaining({
            code: 'OPTION_INVALID',
            message: expect.stringMatching(/cannot be compared \(.+\): give the option `fingerprint` a function/s),
          }),
        )
      }
    }
  })

  it('counts without the boundary of the form that it was, which is another one on every attempt', () => {
    const of = (type: string, parsed: unknown = { a: '1' }) => fingerprint(parsed, 'canonical', type)
    const form = 'multipart/form-data'
    for (const parsed of [{ a: '1' }, undefined]) {
      const [one, ...others] = [`${form}; boundary=One`, `${form};boundary="t;o"`, form].map((type) => of(type, parsed))
      for (const other of others) expect(other).toBe(one)
    }
    expect(of(`${form}; boundary=b; charset=utf-8`)).toBe(of(`${form}; charset=utf-8`))
    const different = [
      of(form),
      of(form, { a: '2' }),
      of(`${form}; charset=utf-8`),
      of('multipart/mixed'),
      of('text/x; boundary=b'),
    ]
    expect(new Set([...different, of('text/x; boundary=c')]).size).toBe(6)
    const bytes = (type: string) => of(type, Buffer.from('--b--'))
    expect(bytes(`${form}; boundary=b`)).not.toBe(bytes(`${form}; boundary=c`))
  })

  it('counts by its text however deep it is, where JSON can write that', () => {
    const deep = (inside: string) => JSON.parse(`${'['.repeat(3_000)}${inside}${']'.repeat(3_000)}`)
    for (const how of ['raw', 'canonical'] as const) {
      expect(fingerprint(deep('1'), how)).toBe(fingerprint(deep('1'), how))
      expect(fingerprint(deep('1'), how)).not.toBe(fingerprint(deep('2'), how))
    }
  })

  it('counts by its text where that says all of it', () => {
    const bare = Object.assign(Object.create(null), { a: [1, { b: 'x' }] })
    expect(fingerprint(bare, 'raw')).toBe(fingerprint({ a: [1, { b: 'x' }] }, 'raw'))
    const at = (time: number) => fingerprint({ at: new Date(time) }, 'raw')
    expect(at(0)).toBe(fingerprint({ at: '1970-01-01T00:00:00.000Z' }, 'raw'))
    expect(at(0)).not.toBe(at(1))
  })
})
