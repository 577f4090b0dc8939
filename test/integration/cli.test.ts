import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { demo } from '../../src/cli/demo.ts'
import { type Io, wantsColor } from '../../src/cli/io.ts'
import { run } from '../../src/cli/run.ts'
import { table } from '../../src/cli/table.ts'
import { padded, printable, safeJson, widthOf } from '../../src/cli/text.ts'
import { duration, iso, moment } from '../../src/cli/time.ts'
import { plainJson, shownValue } from '../../src/cli/value.ts'
import { operationId } from '../../src/core/key.ts'
import { FOREVER } from '../../src/core/lifecycle.ts'
import type { Lease, Steps, StoredResult } from '../../src/core/record.ts'
import { readResult, storedError, storedValue } from '../../src/core/result.ts'
import { systemRuntime } from '../../src/core/runtime.ts'
import { type SqliteStore, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { root } from '../built.ts'

const ESC = '\u001b'
/** What must not reach a terminal from a store. */
const CONTROLS = /\p{Cc}|[\u202a-\u202e\u2028\u2029]/u
const home = mkdtempSync(join(tmpdir(), 'onlyonce-cli-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

interface Setting {
  readonly env?: Record<string, string>
  readonly tty?: boolean
  /** What the person types; called with the question. */
  readonly answer?: (question: string) => Promise<string> | string
}

/** One command line, without a terminal unless told otherwise. */
async function cli(argv: readonly string[], { env = {}, tty = false, answer }: Setting = {}): Promise<Said> {
  let out = ''
  let err = ''
  const io: Io = {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    env,
    isTTY: { stdin: tty, stdout: tty, stderr: tty },
    ask: async (question) => (await answer?.(question)) ?? expect.fail(`nobody expected the question ${question}`),
  }
  const code = await run(argv, io)
  return { code, out, err }
}

const json = ({ out }: Said) => JSON.parse(out) as Record<string, unknown>

let path = ''
let url = ''
let store: SqliteStore
let file = 0

beforeEach(async () => {
  path = join(home, `store-${++file}.db`)
  url = `sqlite:${path}`
  store = sqliteStore({ path, migrate: 'auto' })
  await store.migrate()
})

afterEach(() => store[Symbol.asyncDispose]())

interface Given {
  readonly scope?: string
  readonly owner?: string
  readonly leaseMs?: number
  readonly retentionMs?: number
  readonly on?: SqliteStore
}

async function claim(key: string, given: Given = {}): Promise<Lease> {
  const { scope = 'payments', owner = systemRuntime.token(), leaseMs = 60_000, retentionMs = 86_400_000 } = given
  const id = operationId(scope, key)
  const [outcome] = await (given.on ?? store).claim([{ id, scope, key, fingerprint: '', owner, leaseMs, retentionMs }])
  if (outcome?.kind !== 'granted') throw new Error(`not granted: ${outcome?.kind}`)
  return outcome.lease
}

async function done(key: string, result: StoredResult, given: Given = {}): Promise<Lease> {
  const lease = await claim(key, given)
  const { retentionMs = 86_400_000 } = given
  expect(await (given.on ?? store).complete([{ lease, result, retentionMs }])).toEqual(['ok'])
  return lease
}

/** Claimed by an owner that disappeared. */
async function abandoned(key: string, given: Given = {}): Promise<Lease> {
  const lease = await claim(key, { ...given, leaseMs: 1 })
  await new Promise((resolve) => setTimeout(resolve, 5))
  return lease
}

const unknown = (key: string) => done(key, { kind: 'unknown', body: new Uint8Array() })
const find = async (key: string, scope = 'payments') => (await store.find([operationId(scope, key)]))[0]
const steps: Steps = [{ name: 'charge', result: new Uint8Array([1]) }]

describe('text', () => {
  it('shows what a terminal would obey, and keeps different keys different', () => {
    expect(printable(`a${ESC}[31mb\nc\u009b2J\u202e\u0007`)).toBe('a\\u001b[31mb\\nc\\u009b2J\\u202e\\u0007')
    expect(printable('\\n')).not.toBe(printable('\n'))
    expect(printable('订单 é 👍')).toBe('订单 é 👍')
    expect(printable('\ud800')).toBe('\\ud800')
  })

  it('keeps JSON harmless and equal', () => {
    const value = { key: `a${ESC}\u009b\u202e\u2028\u{e0041}👍` }
    expect(safeJson(value)).not.toMatch(CONTROLS)
    expect(JSON.parse(safeJson(value))).toEqual(value)
  })

  it('counts columns, not code units', () => {
    expect([widthOf('ab'), widthOf('订单'), widthOf('👍'), widthOf('e\u0301')]).toEqual([2, 4, 2, 1])
    expect(padded('订', 4)).toBe('订  ')
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

describe('usage', () => {
  it.each([
    [['kyes'], '(Did you mean keys?)'],
    [['keys', 'gte'], '(Did you mean get?)'],
    [['keys', 'ls', '--sate', 'done'], '(Did you mean --state?)'],
    [['keys', 'ls', '--state', 'lost'], 'idle, running, done, abandoned, unknown'],
    [['keys', 'ls', '--limit', '0'], 'whole number above 0'],
    [['keys', 'ls', '--limit', '1e3'], 'whole number above 0'],
    [['keys', 'ls', '--limit'], 'argument missing'],
    [['keys', 'get', 'a', 'b'], 'too many arguments'],
    [['keys', 'get'], 'give KEY with --scope S, or --id ID'],
    [['keys', 'get', 'a'], 'needs its scope'],
    [['keys', 'get', 'a', '--scope', ''], 'needs its scope'],
    [['keys', 'get', 'a', '--scope', 's', '--id', 'f'.repeat(32)], 'not both'],
    [['keys', 'get', '--id', "'; DROP TABLE"], '32 hexadecimal digits'],
    [['keys', 'resolve', 'a', '--scope', 's', '--yes'], 'either --happened or --did-not-happen'],
    [['keys', 'resolve', 'a', '--scope', 's', '--yes', '--happened', '--did-not-happen'], 'either --happened'],
    [['keys', 'resolve', 'a', '--scope', 's', '--yes', '--happened', '--value', '{paid}'], '--value must be JSON'],
    [['keys', 'resolve', 'a', '--scope', 's', '--yes', '--did-not-happen', '--value', '1'], 'belongs to --happened'],
    [['keys', 'resolve', 'a', '--scope', 's', '--yes', '--happened', '--retention-ms', '-1'], 'whole number'],
    [['keys'], 'Usage: onlyonce keys'],
    [[], 'Usage: onlyonce'],
    [['completion', 'tcsh'], 'bash, zsh, fish'],
    [['doctor', '--store', 'mongodb://x'], 'cannot be opened'],
    [['doctor', '--store', 'nonsense'], 'cannot be opened'],
    [['doctor', '--store', 'sqlite:'], 'path'],
    [['--colour\u001b[31m'], 'unknown option'],
  ])('%j exits with 2 and says why', async (argv, message) => {
    const said = await cli(argv, { env: argv.includes('--store') ? {} : { ONLYONCE_STORE: url } })
    expect(said.err).toContain(message)
    expect(said).toMatchObject({ code: 2, out: '' })
    expect(said.err).not.toContain(ESC)
  })

  it('names flag and variable when there is no store', async () => {
    for (const argv of [['keys', 'ls'], ['keys', 'get', 'a', '--scope', 's'], ['sweep'], ['migrate'], ['doctor']]) {
      const said = await cli(argv, { env: { ONLYONCE_STORE: ' ' } })
      expect(said.code).toBe(2)
      expect(said.err).toMatch(/--store.*ONLYONCE_STORE/)
    }
  })

  it('says that a memory store cannot be looked into', async () => {
    const said = await cli(['keys', 'ls'], { env: { ONLYONCE_STORE: 'memory:' } })
    expect(said).toMatchObject({ code: 2 })
    expect(said.err).toContain('lives inside the process')
  })

  it('takes the flag before the variable, in any place', async () => {
    await claim('a')
    const env = { ONLYONCE_STORE: 'sqlite:/nowhere/x.db' }
    expect((await cli(['keys', 'ls', '--store', url], { env })).code).toBe(0)
    expect((await cli(['--store', url, 'keys', 'ls'], { env })).code).toBe(0)
    expect((await cli(['keys', 'ls'], { env })).code).toBe(3)
  })

  it('has help with examples, and a version', async () => {
    const help = await cli(['--help'])
    expect(help).toMatchObject({ code: 0, err: '' })
    expect(help.out).toMatch(/Examples:[\s\S]*onlyonce doctor[\s\S]*Exit codes: 0 ok/)
    expect((await cli(['keys', 'forget', '--help'])).out).toContain('--store')
    expect((await cli(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

describe('a store that cannot be used exits with 3', () => {
  const keysLs = (target: string) => cli(['keys', 'ls', '--store', target])

  it('no file: nothing is created, and the command that creates it is named', async () => {
    const missing = join(home, 'missing.db')
    for (const argv of [['keys', 'ls'], ['sweep'], ['keys', 'forget', 'a', '--scope', 's', '--yes']]) {
      const said = await cli([...argv, '--store', `sqlite:${missing}`])
      expect(said).toMatchObject({ code: 3, out: '' })
      expect(said.err).toContain('onlyonce migrate')
    }
    const doctor = await cli(['doctor', '--store', `sqlite:${missing}`])
    expect(doctor.code).toBe(1)
    expect(doctor.out).toContain('onlyonce migrate')
    expect(existsSync(missing)).toBe(false)
  })

  it('not a database', async () => {
    const text = join(home, 'text.db')
    writeFileSync(text, 'hello, this is not a database at all\n'.repeat(100))
    for (const argv of [['keys', 'ls'], ['doctor'], ['migrate']]) {
      const said = await cli([...argv, '--store', `sqlite:${text}`])
      expect(said).toMatchObject({ code: 3, out: '' })
      expect(said.err).toContain('not an SQLite database')
    }
  })

  it('a directory, and a directory that is not there', async () => {
    mkdirSync(join(home, 'folder'), { recursive: true })
    for (const place of ['folder', 'no/such/dir/x.db']) {
      const said = await cli(['migrate', '--store', `sqlite:${join(home, place)}`])
      expect(said).toMatchObject({ code: 3, out: '' })
    }
  })

  it('a schema from the future', async () => {
    await store.transaction(async (tx) => tx.exec("UPDATE onlyonce_meta SET number = 99 WHERE name = 'schema_version'"))
    const said = await keysLs(url)
    expect(said.code).toBe(3)
    expect(said.err).toMatch(/99.*upgrade onlyonce/)
    expect((await cli(['migrate', '--store', url])).code).toBe(3)
    const doctor = await cli(['doctor', '--store', url])
    expect(doctor.code).toBe(1)
    expect(doctor.out).toContain('npm install onlyonce@latest')
  })
})

describe('keys ls', () => {
  it('lists aligned, the same for a pipe', async () => {
    await claim('order:1')
    await done('order:22', storedValue(1), { scope: 'mail' })
    const said = await cli(['keys', 'ls', '--store', url])
    const lines = said.out.trimEnd().split('\n')
    expect(said).toMatchObject({ code: 0, err: '' })
    expect(lines).toHaveLength(3)
    expect(lines[0]).toMatch(/^STATE +ATTEMPT +AGE +SCOPE +ID +KEY$/)
    expect(new Set(lines.map((text) => text.search(/(KEY|order:\d+)$/))).size).toBe(1)
  })

  it('filters by state and scope', async () => {
    await claim('running')
    await abandoned('abandoned')
    await unknown('unknown')
    await done('done', storedValue(1))
    await done('elsewhere', storedValue(1), { scope: 'mail' })
    await store.release([await claim('idle')])
    const keys = async (...argv: string[]) =>
      (await cli(['keys', 'ls', '--json', '--store', url, ...argv])).out
        .split('\n')
        .filter((text) => text !== '')
        .map((text) => JSON.parse(text).key)
        .sort()
    expect(await keys('--state', 'abandoned')).toEqual(['abandoned'])
    expect(await keys('--state', 'unknown')).toEqual(['unknown'])
    expect(await keys('--state', 'idle')).toEqual(['idle'])
    expect(await keys('--state', 'running')).toEqual(['abandoned', 'running'])
    expect(await keys('--scope', 'mail')).toEqual(['elsewhere'])
    expect(await keys()).toHaveLength(6)
  })

  it('pages with limit and cursor, and sees every record once', async () => {
    for (let n = 0; n < 450; n++) await claim(`order:${n}`)
    const seen: string[] = []
    let after: string | undefined
    do {
      const said = await cli([
        'keys',
        'ls',
        '--json',
        '--limit',
        '220',
        '--store',
        url,
        ...(after ? ['--after', after] : []),
      ])
      const lines = said.out.trimEnd().split('\n')
      expect(lines.length).toBeLessThanOrEqual(220)
      seen.push(...lines)
      after = /--after (\S+)/.exec(said.err)?.[1]
    } while (after !== undefined)
    expect(seen).toHaveLength(450)
    expect(new Set(seen.map((text) => JSON.parse(text).id)).size).toBe(450)
  })

  it('says on stderr when nothing matches', async () => {
    expect(await cli(['keys', 'ls', '--store', url])).toEqual({ code: 0, out: '', err: 'No operation matches.\n' })
  })

  it('keeps a hostile key on its line', async () => {
    await claim(`x${ESC}]0;owned\u0007\n0 rows\u009b2J`, { scope: `s\r${ESC}[1A` })
    for (const argv of [
      ['keys', 'ls'],
      ['keys', 'ls', '--json'],
    ]) {
      const { out } = await cli([...argv, '--store', url])
      expect(out.trimEnd().split('\n')).toHaveLength(argv.length - 1 === 2 ? 1 : 2)
      expect(out.replaceAll('\n', '')).not.toMatch(CONTROLS)
    }
  })
})

describe('keys get', () => {
  it('shows everything but the value, which needs --show-result', async () => {
    await done('a', storedValue({ secret: 10n }))
    const hidden = await cli(['keys', 'get', 'a', '--scope', 'payments', '--store', url])
    expect(hidden.code).toBe(0)
    expect(hidden.out).toMatch(
      /state +done\n[\s\S]*attempt +1\n[\s\S]*created +20\d\d-.* ago\)\n[\s\S]*kept until .*\(in \d+ /,
    )
    expect(hidden.out).not.toContain('secret')
    const shown = await cli(['keys', 'get', 'a', '--scope', 'payments', '--store', url, '--show-result'])
    expect(shown.out).toContain('{ secret: 10n }')
  })

  it('finds by id, whatever its case', async () => {
    const { id, fence } = await done('a', storedError(new Error('refused')))
    const said = await cli(['keys', 'get', '--id', id.toUpperCase(), '--json', '--store', url, '--show-result'])
    expect(json(said)).toMatchObject({ id, key: 'a', scope: 'payments', state: 'done', fence, attempt: 1, starts: 1 })
    expect(json(said).result).toMatchObject({ kind: 'error', error: { name: 'Error', message: 'refused' } })
    const hidden = await cli(['keys', 'get', '--id', id, '--json', '--store', url])
    expect(Object.keys(json(hidden).result as object)).toEqual(['kind', 'bytes'])
  })

  it('reaches scopes that the engine keeps for itself', async () => {
    await claim('a', { scope: '!payments' })
    expect((await cli(['keys', 'get', 'a', '--scope', '!payments', '--store', url])).code).toBe(0)
  })

  it('exits with 1 when there is none', async () => {
    const said = await cli(['keys', 'get', 'a', '--scope', 'mail', '--store', url])
    expect(said).toMatchObject({ code: 1, out: '' })
    expect(said.err).toContain('"a" in scope "mail"')
  })

  it('shows a record whose result is damaged, and exits with 1', async () => {
    await done('a', { kind: 'value', body: new Uint8Array([1, 74, 123]) })
    const said = await cli(['keys', 'get', 'a', '--scope', 'payments', '--store', url])
    expect(said.code).toBe(1)
    expect(said.out).toContain('cannot be read')
  })

  it('does not use a record that says it is another operation', async () => {
    await done('a', storedValue('private'))
    await store.transaction(async (tx) => tx.exec("UPDATE onlyonce_operations SET key = 'b'"))
    for (const argv of [
      ['get', '--show-result'],
      ['forget', '--yes'],
    ]) {
      const said = await cli(['keys', ...argv, 'a', '--scope', 'payments', '--store', url])
      expect(said).toMatchObject({ code: 1, out: '' })
      expect(said.err).toContain('it was altered')
    }
  })

  it('tells what can be done about an abandoned one', async () => {
    const { id } = await abandoned('a')
    const said = await cli(['keys', 'get', 'a', '--scope', 'payments', '--store', url])
    expect(said.err).toContain(`onlyonce keys resolve --id ${id}`)
  })
})

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

/** Records as they were left `agoMs` ago. */
async function expired(count: number, agoMs: number): Promise<void> {
  const past = sqliteStore({ path, runtime: { ...systemRuntime, now: () => Date.now() - agoMs } })
  for (let n = 0; n < count; n++)
    await done(`old:${n}`, storedValue(n), { on: past, leaseMs: 1_000, retentionMs: 1_000 })
  await past[Symbol.asyncDispose]()
}

describe('sweep', () => {
  it('removes one batch, or all', async () => {
    await expired(25, 7_200_000)
    await claim('live')
    expect(json(await cli(['sweep', '--limit', '10', '--json', '--store', url]))).toEqual({ swept: 10, more: true })
    const rest = await cli(['sweep', '--limit', '4', '--all', '--store', url])
    expect(rest).toEqual({ code: 0, out: 'removed 15 records past retention\n', err: '' })
    expect(await find('live')).toBeDefined()
    expect((await cli(['sweep', '--store', url])).out).toBe('removed 0 records past retention\n')
  })

  it('shows progress on a terminal only', async () => {
    await expired(3, 7_200_000)
    const said = await cli(['sweep', '--limit', '1', '--all', '--store', url], { tty: true })
    expect(said.err).toContain('\r3 removed')
    expect(said.out).toBe('removed 3 records past retention\n')
  })
})

describe('migrate', () => {
  it('prints what it would do, does it, and then has nothing to do', async () => {
    const fresh = join(home, `fresh-${file}.db`)
    const migrate = (...argv: string[]) => cli(['migrate', '--store', `sqlite:${fresh}`, ...argv])
    const dry = await migrate('--dry-run')
    expect(dry.code).toBe(0)
    expect(dry.out).toMatch(/^CREATE TABLE [\s\S]*;\n$/)
    expect(dry.err).toContain('nothing was changed')
    expect(existsSync(fresh)).toBe(false)
    const wet = await migrate()
    expect(wet.out).toBe(dry.out)
    const again = await migrate('--json')
    expect(json(again)).toMatchObject({ dryRun: false, statements: [] })
    expect(again.err).toContain('up to date')
    expect((await cli(['doctor', '--store', `sqlite:${fresh}`])).code).toBe(0)
  })

  it('prints every migration without connecting to anything', async () => {
    const fresh = join(home, `never-${file}.db`)
    const printed = await cli(['migrate', 'print', '--store', `sqlite:${fresh}`])
    expect(printed.code).toBe(0)
    expect(printed.out).toMatch(/^-- 1: .*\nCREATE TABLE [\s\S]*;\n$/)
    expect(existsSync(fresh)).toBe(false)
    const nobody = await cli(['migrate', 'print', '--json', '--store', 'postgres://127.0.0.1:1/shop?schema=elsewhere'])
    expect(nobody.code).toBe(0)
    expect(json(nobody)).toMatchObject([
      { version: 1, statements: expect.arrayContaining([expect.stringContaining('"elsewhere".operations')]) },
    ])
    const redis = await cli(['migrate', 'print', '--store', 'redis://127.0.0.1:1'])
    expect(redis.err).toContain('no schema')
  })
})

describe('doctor', () => {
  const doctor = (...argv: string[]) => cli(['doctor', '--store', url, ...argv])
  const failed = async () => {
    const said = await doctor('--json')
    const { ok, checks } = json(said) as { ok: boolean; checks: { name: string; status: string; fix?: string }[] }
    expect(said.code).toBe(ok ? 0 : 1)
    return checks
      .filter(({ status }) => status === 'failed')
      .map(({ name, fix }) => [name, fix?.replace(` --store ${url}`, '')])
  }

  it('finds nothing wrong with a store at work', async () => {
    await claim('a')
    await done('b', storedValue(1))
    await expired(3, 50_000_000)
    expect(await failed()).toEqual([])
    const said = await doctor()
    expect(said).toMatchObject({ code: 0, err: '' })
    expect(said.out).toMatch(/^ok +schema +version \d+\n/)
    expect(said.out).toContain('3 records past retention')
  })

  it('names what is wrong and the command that helps', async () => {
    await abandoned('a')
    await unknown('b')
    await expired(2, 90_000_000)
    expect(await failed()).toEqual([
      ['abandoned', 'onlyonce keys ls --state abandoned'],
      ['unknown', 'onlyonce keys ls --state unknown'],
      ['retention', 'onlyonce sweep --all'],
    ])
    const said = await doctor()
    expect(said.out).toMatch(
      /failed +retention +2 records past retention, the oldest for 1 d\n +run: onlyonce sweep --all --store /,
    )
  })

  it('sees a table that somebody changed', async () => {
    await store.transaction(async (tx) => tx.exec('DROP INDEX onlyonce_operations_retention'))
    const said = await doctor()
    expect(said.code).toBe(1)
    expect(said.out).toContain('onlyonce_operations_retention is missing')
  })
})

describe('completion', () => {
  const typed = (line: string) =>
    `${line
      .split(' ')
      .map((word) => `'${word}'`)
      .join(' ')}`

  it.each([
    ['onlyonce ', ['keys', 'doctor', 'sweep', 'migrate', 'demo', 'completion', '--store']],
    ['onlyonce keys ', ['ls', 'get', 'release', 'forget', 'resolve', '--json']],
    ['onlyonce keys resolve --did', ['--did-not-happen']],
    ['onlyonce keys ls --state ab', ['abandoned']],
    ['onlyonce --store sqlite:x keys re', ['release', 'resolve']],
    ['onlyonce completion z', ['zsh']],
  ])('bash completes %j', async (line, expected) => {
    const { out } = await cli(['completion', 'bash'])
    const words = line.split(' ')
    const ran = spawnSync(
      'bash',
      [
        '-c',
        `${out}\nCOMP_WORDS=(${typed(line)}); COMP_CWORD=${words.length - 1}; _onlyonce; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ],
      { encoding: 'utf8' },
    )
    expect(ran.stderr).toBe('')
    const found = ran.stdout.trim().split('\n')
    if (line.endsWith(' ')) expect(found).toEqual(expect.arrayContaining(expected))
    else expect(found).toEqual(expected)
  })

  it.skipIf(spawnSync('fish', ['--version']).error)('fish completes, options with values included', async () => {
    const script = join(home, 'run.fish')
    writeFileSync(script, (await cli(['completion', 'fish'])).out)
    const ask = (line: string) => {
      const ran = spawnSync('fish', ['-c', `source ${script}; complete -C '${line}'`], { encoding: 'utf8' })
      expect(ran.stderr).toBe('')
      return ran.stdout
        .trimEnd()
        .split('\n')
        .map((text) => text.split('\t')[0])
    }
    expect(ask('onlyonce keys re')).toEqual(['release', 'resolve'])
    expect(ask('onlyonce keys ls --state ab')).toEqual(['abandoned'])
    expect(ask('onlyonce --store sqlite:x keys resolve --did')).toEqual(['--did-not-happen'])
  })

  it.each(['zsh', 'fish'])('is a script that %s accepts, where there is one', async (shell) => {
    const { out, code } = await cli(['completion', shell])
    expect(code).toBe(0)
    expect(out).toContain('did-not-happen')
    const script = join(home, `completion.${shell}`)
    writeFileSync(script, out)
    const ran = spawnSync(shell, ['-n', script], { encoding: 'utf8' })
    if (ran.error === undefined) expect(ran).toMatchObject({ status: 0, stderr: '' })
  })
})

describe('demo', () => {
  const io: Io = {
    stdout: { write: () => {} },
    stderr: { write: () => {} },
    env: {},
    isTTY: { stdin: false, stdout: false, stderr: false },
    ask: async () => '',
  }

  it('gets every argument, --help and --json too', async () => {
    const entry = join(home, 'demo.mjs')
    writeFileSync(entry, 'export const main = async (argv) => (argv.join(" ") === "--help --json x" ? 7 : 99)\n')
    expect(await demo(['--help', '--json', 'x'], io, pathToFileURL(entry))).toBe(7)
  })

  it('says how to build it when it is not there', async () => {
    const said = await cli(['demo', '--help'])
    expect(said.code).toBe(1)
    expect(said.err).toContain('npm run build')
  })
})

const binary = process.env.ONLYONCE_CLI ?? join(root, 'dist/cli/main.js')

describe.skipIf(!existsSync(binary))('the built command', () => {
  const built = (...argv: string[]) =>
    spawnSync(process.execPath, [binary, ...argv], {
      encoding: 'utf8',
      env: { ...process.env, ONLYONCE_STORE: url, FORCE_COLOR: undefined },
      input: '',
    })

  it('runs', async () => {
    await claim('a')
    const ran = built('keys', 'ls', '--json')
    expect(ran).toMatchObject({ status: 0, stderr: '' })
    expect(JSON.parse(ran.stdout)).toMatchObject({ key: 'a' })
    expect(built('--version').stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect(built('keys', 'forget', 'a', '--scope', 'payments').status).toBe(2)
    expect(built('nonsense').status).toBe(2)
    expect(built('keys', 'ls', '--store', 'sqlite:/nowhere/x.db').status).toBe(3)
  })

  it('does not mind a reader that leaves early', async () => {
    for (let n = 0; n < 1_500; n += 500) {
      await store.claim(
        Array.from({ length: 500 }, (_, at) => {
          const key = `${'k'.repeat(200)}${n + at}`
          return {
            id: operationId('s', key),
            scope: 's',
            key,
            fingerprint: '',
            owner: 'o',
            leaseMs: 60_000,
            retentionMs: 60_000,
          }
        }),
      )
    }
    const ran = spawnSync(
      'bash',
      [
        '-c',
        `"${process.execPath}" "${binary}" keys ls --json --limit 100000 | head -1 >/dev/null; echo "\${PIPESTATUS[0]}"`,
      ],
      { encoding: 'utf8', env: { ...process.env, ONLYONCE_STORE: url } },
    )
    expect(ran).toMatchObject({ stdout: '0\n', stderr: '' })
  })

  it('ends with 130 on Ctrl-C', async () => {
    const codes: (number | null)[] = []
    // The sweep waits for the write lock all the while. A slow machine may not have started it in the first round.
    await store.transaction(async () => {
      for (const patience of [700, 2_000, 6_000]) {
        const child = spawn(process.execPath, [binary, 'sweep', '--store', `${url}?busyTimeoutMs=60000`], {
          stdio: 'ignore',
        })
        const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
        await new Promise((wake) => setTimeout(wake, patience))
        child.kill('SIGINT')
        codes.push(await ended)
        if (codes.at(-1) !== null) break
      }
    })
    expect(codes.at(-1)).toBe(130)
  })
})
