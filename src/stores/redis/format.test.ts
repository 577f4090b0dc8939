import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { luaModule } from '../../../scripts/generate-lua.mjs'
import { ByteWriter } from './bytes.ts'
import { readFingerprint, readNames, readOwner, writeFingerprint, writeNames, writeOwner } from './names.ts'

const written = (write: (to: ByteWriter) => void): Buffer => {
  const to = new ByteWriter(4)
  write(to)
  return to.done()
}

describe('the module of scripts', () => {
  it('is what its generator makes of the Lua files: run `node scripts/generate-lua.mjs`', () => {
    const file = new URL('./scripts/source.ts', import.meta.url)
    expect(readFileSync(file, 'utf8')).toBe(luaModule())
  })
})

describe('texts in a record', () => {
  it.each(['', 'w1', 'ab'.repeat(16), 'AB'.repeat(16), 'é\u0000😀'])('owner %j', (owner) => {
    expect(readOwner(written((to) => writeOwner(to, owner)))).toBe(owner)
  })

  const digest = (last: string) => `1:${'x'.repeat(42)}${last}`
  it.each(['', '1:', digest('A'), digest('B'), digest('-'), `2:${'x'.repeat(43)}`, '😀'])('fingerprint %j', (print) => {
    expect(readFingerprint(written((to) => writeFingerprint(to, print)))).toBe(print)
  })

  it('a digest of our own takes 33 bytes, and no two spellings are the same bytes', () => {
    const [ours, alias] = [digest('A'), digest('B')].map((one) => written((to) => writeFingerprint(to, one)))
    expect(ours).toHaveLength(33)
    expect(alias?.equals(ours as Buffer)).toBe(false)
  })

  it.each([
    [undefined, undefined],
    ['s', undefined],
    [undefined, 'k'],
    ['', ''],
    ['scope é', 'key 😀\u0000'],
  ])('scope %j and key %j', (scope, key) => {
    const expected = { ...(scope === undefined ? {} : { scope }), ...(key === undefined ? {} : { key }) }
    expect(readNames(written((to) => writeNames(to, scope, key)))).toEqual(expected)
  })

  it('numbers keep all of their 53 bits, and a small buffer grows', () => {
    const bytes = written((to) => {
      for (const value of [0, 1, 2 ** 48 - 1, 2 ** 48, Number.MAX_SAFE_INTEGER]) to.number(value, 7)
      to.bytes(new Uint8Array(1_000).fill(7))
    })
    const read = (at: number) => (bytes[at] as number) * 2 ** 48 + bytes.readUIntBE(at + 1, 6)
    expect([0, 7, 14, 21, 28].map(read)).toEqual([0, 1, 2 ** 48 - 1, 2 ** 48, Number.MAX_SAFE_INTEGER])
    expect(bytes.subarray(35).every((byte) => byte === 7)).toBe(true)
  })
})
