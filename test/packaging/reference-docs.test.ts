import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ERROR_CODES } from '../../src/core/errors.ts'
import { DEFAULTS } from '../../src/core/options.ts'
import { root } from '../built.ts'
import { readPages } from '../docs/pages.ts'

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const ENTRIES = Object.entries(exports as Record<string, { readonly default?: string }>).flatMap(([name, target]) =>
  target.default === undefined ? [] : [[name, target.default] as const],
)

/** Names that have a heading, or open a table row: ``## `NAME` `` and ``| `NAME` | … |``. */
function documentedNames(page: string): Set<string> {
  const path = join(root, page)
  if (!existsSync(path)) throw new Error(`${page} is missing`)
  const text = readFileSync(path, 'utf8')
  const entries = text.matchAll(/^(?:#{2,6}\s+|\|\s*)(?:<a [^>]*><\/a>\s*)?`?([A-Za-z][A-Za-z0-9_]*)`?/gm)
  return new Set([...entries].map((match) => match[1] ?? ''))
}

describe('reference pages', () => {
  it('errors.md has every code and no other', () => {
    const codes = [...documentedNames('docs/reference/errors.md')].filter((name) => /^[A-Z]+(_[A-Z]+)*$/.test(name))
    expect(codes.sort()).toEqual(Object.keys(ERROR_CODES).sort())
  })

  it.each([
    ['docs/reference/http.md', 'src/http/problem.ts'],
    ['docs/how-to/http-proxy.md', 'src/http/proxy/problems.ts'],
    ['docs/how-to/one-time-tokens.md', 'src/http/token-issue.ts'],
  ])('%s has every code of the problems in %s', (page, source) => {
    const [text = '', code = ''] = [page, source].map((path) => readFileSync(join(root, path), 'utf8'))
    const codes = [...code.matchAll(/\bcode: '([a-z-]+)'/g)].map((match) => match[1] ?? '')
    expect(codes).not.toEqual([])
    expect(codes.filter((one) => !text.includes(`\`${one}\``))).toEqual([])
  })

  it('options.md has every option', () => {
    const documented = documentedNames('docs/reference/options.md')
    const missing = ['scope', ...Object.keys(DEFAULTS)].filter((name) => !documented.has(name))
    expect(missing).toEqual([])
  })

  it.each(ENTRIES)('every value that %s exports is in the documentation', async (_, built) => {
    const source = built.replace('./dist/', 'src/').replace(/\.js$/, '.ts')
    const names = Object.keys(await import(pathToFileURL(join(root, source)).href))
    const text = readPages().map((page) => page.text)
    expect(names.filter((name) => !text.some((one) => new RegExp(`\\b${name}\\b`).test(one)))).toEqual([])
  })
})
