import { describe, expect, it } from 'vitest'
import { wantsColor } from '../../src/cli/io.ts'
import { table } from '../../src/cli/table.ts'
import { padded, printable, safeJson, widthOf } from '../../src/cli/text.ts'
import { duration, iso, moment } from '../../src/cli/time.ts'
import { plainJson, shownValue } from '../../src/cli/value.ts'
import { FOREVER } from '../../src/core/lifecycle.ts'
import { CONTROLS, claim, cli, ESC, url } from './cli-kit.ts'

describe('text', () => {
  it('shows what a terminal would obey, and keeps different keys different', () => {
    expect(printable(`a${ESC}[31mb\nc\u009b2J\u202e\u0007`)).toBe('a\\u001b[31mb\\nc\\u009b2J\\u202e\\u0007')
    expect(printable('\\n')).not.toBe(printable('\n'))
    expect(printable('订单 é 👍')).toBe('订单 é 👍')
    expect(printable('\ud800')).toBe('\\ud800')
  })

  it.each(['\u00a0', '\u034f', '\u115f', '\u2003', '\u3000', '\u3164', '\ufe0f', '\uffa0', '\u{e0100}'])(
    'shows %j, which would be seen as a blank or not at all',
    (char) => {
      expect(printable(`a${char}b`)).toMatch(/^a(\\u[0-9a-f]{4}){1,2}b$/)
      expect(JSON.parse(safeJson(char))).toBe(char)
    },
  )

  it('keeps JSON harmless and equal', () => {
    const value = { key: `a${ESC}\u009b\u202e\u2028\u{e0041}👍` }
    expect(safeJson(value)).not.toMatch(CONTROLS)
    expect(JSON.parse(safeJson(value))).toEqual(value)
  })

  it('counts columns, not code units', () => {
    expect([widthOf('ab'), widthOf('订单'), widthOf('👍'), widthOf('e\u0301')]).toEqual([2, 4, 2, 1])
    expect(padded('订', 4)).toBe('订  ')
  })

  it('aligns a table of more rows than a call can have arguments', () => {
    const rows = Array.from({ length: 200_000 }, (_, n) => `${n}`)
    const lines = table([{ title: 'N', align: 'right', text: (row: string) => row }], rows)
    expect([lines.length, lines[0], lines.at(-1)]).toEqual([200_001, '     N', '199999'])
  })

  it('aligns tables and leaves no trailing blanks', () => {
    const columns = [
      { title: 'N', align: 'right', text: (row: string[]) => row[0] ?? '' },
      { title: 'NAME', text: (row: string[]) => row[1] ?? '' },
      { title: 'LAST', text: (row: string[]) => row[2] ?? '' },
    ] as const
    expect(
      table(columns, [
        ['1', '订单', 'x'],
        ['12', 'a', 'y'],
      ]),
    ).toEqual([' N  NAME  LAST', ' 1  订单  x', '12  a     y'])
  })
})

describe('time', () => {
  it('names lengths with one unit', () => {
    expect([0, 999, 1_000, 59_999, 60_000, 7_200_000, 200_000_000].map(duration)).toEqual([
      ...['0 ms', '999 ms', '1 s', '59 s', '1 min', '2 h', '2 d'],
    ])
  })

  it('writes ISO times, and never throws on what a store may hold', () => {
    expect(moment(0, 60_000)).toBe('1970-01-01T00:00:00.000Z (1 min ago)')
    expect(moment(60_000, 0)).toBe('1970-01-01T00:01:00.000Z (in 1 min)')
    expect(moment(FOREVER, 0)).toBe('for ever')
    expect([iso(FOREVER), iso(Number.NaN), iso(1e300), iso(-1e300)]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })
})

describe('values', () => {
  it('has a JSON form of everything a result can be', () => {
    const value = {
      a: undefined,
      b: 10n,
      c: new Date(0),
      d: new Map([[1, new Set(['x'])]]),
      e: new Uint8Array([1]),
      f: -0,
    }
    expect(JSON.stringify(plainJson(value))).toBe(
      '{"a":null,"b":"10","c":"1970-01-01T00:00:00.000Z","d":[[1,["x"]]],"e":"AQ==","f":"-0"}',
    )
    expect(plainJson(new TypeError('no'))).toEqual({ name: 'TypeError', message: 'no' })
  })

  it('shows them with their types, without letting them speak to the terminal', () => {
    expect(shownValue({ paid: 10n })).toBe('{ paid: 10n }')
    expect(shownValue(new Error(`x${ESC}[2J`))).toBe('Error: x\\u001b[2J')
    expect(shownValue(`${ESC}\u202e`)).not.toMatch(CONTROLS)
  })
})

describe('colour', () => {
  const on = (env: Record<string, string>, stdout = true) =>
    wantsColor({ env, isTTY: { stdin: true, stdout, stderr: true } }, 'stdout')

  it('follows the terminal, NO_COLOR unless empty, FORCE_COLOR and a dumb terminal', () => {
    expect([on({}), on({}, false), on({ NO_COLOR: '' }), on({ NO_COLOR: '0' })]).toEqual([true, false, true, false])
    expect([on({ FORCE_COLOR: '1' }, false), on({ FORCE_COLOR: '0' }), on({ TERM: 'dumb' })]).toEqual([
      true,
      false,
      false,
    ])
    expect(on({ FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(false)
  })

  it('reaches what commands print', async () => {
    await claim('a')
    expect((await cli(['keys', 'ls', '--store', url], { tty: true })).out).toContain(ESC)
    expect((await cli(['keys', 'ls', '--store', url], { tty: true, env: { NO_COLOR: '1' } })).out).not.toContain(ESC)
    expect((await cli(['keys', 'ls', '--store', url])).out).not.toContain(ESC)
  })
})
