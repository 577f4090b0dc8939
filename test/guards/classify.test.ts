import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { classifyParsed } from '../../src/guards/classify/classify.ts'
import { parse } from '../../src/guards/classify/parse.ts'
import { classify, classifyMethod, type Dialect } from '../../src/guards/sql.ts'
import { root, run } from '../built.ts'
import { INSERTS, type Line, OTHERS, UPDATES } from './classify-table.ts'
import { TRICKS } from './classify-tricks.ts'

const DIALECTS: readonly Dialect[] = ['postgres', 'mysql', 'sqlite']
const lines = [...UPDATES, ...INSERTS, ...OTHERS, ...TRICKS]
const casesOf = (some: readonly Line[]) =>
  some.flatMap(([verdict, where, sql]) =>
    (where === 'all' ? DIALECTS : [where].flat()).map((dialect) => ({
      verdict,
      dialect: dialect as Dialect,
      sql,
      shown: sql.replaceAll('\0', '\\0').slice(0, 120),
    })),
  )

describe('classify', () => {
  it('is shown more than 150 statements', () => {
    expect(lines.length).toBeGreaterThan(150)
    expect(new Set(lines.map(([, where, sql]) => `${String(where)} ${sql}`)).size).toBe(lines.length)
  })

  it.each(casesOf(lines))('$dialect, $verdict: $shown', async ({ verdict, dialect, sql }) => {
    const classified = await classify(sql, { dialect })
    expect(classified, classified.reasons.join('; ')).toMatchObject({ verdict })
    expect(classified.reasons.length).toBeGreaterThan(0)
    if (verdict === 'not-idempotent') expect(classified.guard).toBeTypeOf('string')
    if (verdict === 'idempotent') expect(classified.guard).toBeUndefined()
  })

  it('without a dialect, answers what all of them agree on, and says when they do not', async () => {
    expect(await classify('UPDATE orders SET price = price + 1 WHERE id = 100')).toMatchObject({
      verdict: 'not-idempotent',
      reasons: [expect.stringContaining('`price` is computed from a value that this statement changes')],
      guard: expect.stringContaining('onlyIf'),
    })
    expect((await classify('INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO NOTHING')).verdict).toBe('idempotent')
    const differing = await classify("UPDATE orders SET note = note || 'x'")
    expect(differing.verdict).toBe('unknown')
    expect(differing.reasons[0]).toContain('not-idempotent in postgres, depends in mysql, not-idempotent in sqlite')
    expect((await classify('no SQL at all')).verdict).toBe('unknown')
  })

  it('says unknown where the parser has read over a word, or has read what no rule is about', async () => {
    const sql = 'UPDATE t SET a = 1'
    const { statements, grammar } = (await parse(sql, 'postgres')) ?? expect.fail('it can be read')
    const of = (text: string, more = {}) =>
      classifyParsed(text, { statements: statements.map((one) => ({ ...one, ...more })), grammar })
    expect(of(sql).verdict).toBe('idempotent')
    expect(of('UPDATE t SET a = 1 /* frob */ -- frob\n').verdict).toBe('idempotent')
    expect(of('UPDATE ONLY t SET a = 1')).toMatchObject({
      verdict: 'unknown',
      reasons: ['the parser has read over `ONLY`'],
    })
    expect(of(sql, { portion: { from: 1 } })).toMatchObject({
      verdict: 'unknown',
      reasons: [expect.stringContaining('portion')],
    })
    expect(of(sql, { type: 'merge' }).verdict).toBe('unknown')
  })

  it('names the package to install where the parser is missing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'onlyonce-classify-'))
    // An empty package in its place, so that none is found further up.
    mkdirSync(join(folder, 'node_modules', 'node-sql-parser'), { recursive: true })
    const entry = join(root, 'src', 'guards', 'sql.ts')
    await build({
      entryPoints: [entry],
      bundle: true,
      format: 'esm',
      platform: 'node',
      outfile: join(folder, 'sql.mjs'),
    })
    const script =
      "import('./sql.mjs').then(({ classify }) => classify('SELECT 1')).catch((e) => console.log(e.code, e.message))"
    const ran = run(process.execPath, ['-e', script], folder)
    expect(ran.stdout).toMatch(/^OPTION_INVALID .*npm install node-sql-parser/)
    rmSync(folder, { recursive: true })
  })

  it('refuses what is no question', async () => {
    await expect(classify(1 as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(classify('SELECT 1', { dialect: 'oracle' as never })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})

describe('classifyMethod', () => {
  it.each([
    ['GET', 'idempotent'],
    ['HEAD', 'idempotent'],
    ['OPTIONS', 'idempotent'],
    ['TRACE', 'idempotent'],
    ['PUT', 'idempotent'],
    ['DELETE', 'idempotent'],
    ['POST', 'not-idempotent'],
    ['PATCH', 'not-idempotent'],
    ['CONNECT', 'not-idempotent'],
    ['put', 'unknown'],
    ['PROPFIND', 'unknown'],
    ['constructor', 'unknown'],
  ])('%s: %s', (method, verdict) => {
    const classified = classifyMethod(method)
    expect(classified.verdict).toBe(verdict)
    if (verdict !== 'unknown') expect(classified.reasons[0]).toMatch(/RFC \d+/)
  })
})
