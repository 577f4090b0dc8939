import { describe, expect, it } from 'vitest'
import {
  DETERMINISTIC,
  MAX_LINES,
  MAX_MEDIAN_LINES,
  MAY_IMPORT,
  MAY_USE_PACKAGE,
  NOT_DETERMINISTIC,
  OPENS_STORES,
  REAL_WORLD,
  SHARED_BY_STORES,
} from './rules.ts'
import { parseSource, readSources, type Source, targetOf, withoutStrings } from './sources.ts'

const sources = readSources()

const isWithin = (target: string, place: string) => target === place || target.startsWith(`${place}/`)

function forbiddenImports(all: readonly Source[]): string[] {
  return all.flatMap((source) =>
    source.imports.flatMap(({ specifier }) => {
      if (!specifier.startsWith('.')) return []
      const target = targetOf(source, specifier)
      const allowed = [source.layer, ...(MAY_IMPORT[source.layer] ?? [])]
      return target !== undefined && allowed.some((place) => isWithin(target, place))
        ? []
        : [`${source.path} -> ${specifier}`]
    }),
  )
}

/** What a store imports from another one. */
function siblingImports(all: readonly Source[]): string[] {
  const storeOf = (path: string | undefined) => /^stores\/([^/]+)\//.exec(path ?? '')?.[1]
  return all.flatMap((source) => {
    const own = storeOf(source.path)
    return source.imports.flatMap(({ specifier }) => {
      const other = specifier.startsWith('.') ? storeOf(targetOf(source, specifier)) : undefined
      const allowed =
        own === undefined ||
        own === OPENS_STORES ||
        other === undefined ||
        other === own ||
        SHARED_BY_STORES.includes(other)
      return allowed ? [] : [`${source.path} -> ${specifier}`]
    })
  })
}

function forbiddenPackages(all: readonly Source[]): string[] {
  return all.flatMap((source) =>
    source.imports.flatMap(({ specifier, dynamic }) => {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) return []
      const { bundled = [], optional = [] } = MAY_USE_PACKAGE[source.layer] ?? {}
      return bundled.includes(specifier) || (dynamic && optional.includes(specifier))
        ? []
        : [`${source.path} -> ${specifier}`]
    }),
  )
}

function firstCycle(all: readonly Source[]): string[] {
  const edges = new Map(
    all.map((source) => [
      source.path,
      source.imports.flatMap(({ specifier }) => (specifier.startsWith('.') ? (targetOf(source, specifier) ?? []) : [])),
    ]),
  )
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): string[] => {
    const at = trail.indexOf(path)
    if (at >= 0) return [...trail.slice(at), path]
    if (done.has(path)) return []
    for (const next of edges.get(path) ?? []) {
      const cycle = visit(next, [...trail, path])
      if (cycle.length > 0) return cycle
    }
    done.add(path)
    return []
  }
  for (const path of edges.keys()) {
    const cycle = visit(path, [])
    if (cycle.length > 0) return cycle
  }
  return []
}

function impurities(all: readonly Source[]): string[] {
  return all
    .filter((source) => DETERMINISTIC.includes(source.layer) && !REAL_WORLD.includes(source.path))
    .flatMap((source) =>
      [...withoutStrings(source.code).matchAll(NOT_DETERMINISTIC)].map((match) => `${source.path}: ${match[0]}`),
    )
}

describe('architecture of src', () => {
  it('has a rule for every folder', () => {
    const layers = new Set(sources.map((source) => source.layer))
    expect([...layers].filter((layer) => MAY_IMPORT[layer] === undefined)).toEqual([])
  })

  it('dependencies point inward', () => {
    expect(forbiddenImports(sources)).toEqual([])
  })

  it('stores do not import each other', () => {
    expect(siblingImports(sources)).toEqual([])
  })

  it('needs nothing but Node', () => {
    expect(forbiddenPackages(sources)).toEqual([])
  })

  it('has no import cycle', () => {
    expect(firstCycle(sources)).toEqual([])
  })

  it('takes time, chance and waiting from Runtime', () => {
    expect(impurities(sources)).toEqual([])
  })

  it(`has no file above ${MAX_LINES} lines and a median below ${MAX_MEDIAN_LINES}`, () => {
    const long = sources.filter((source) => source.lines > MAX_LINES)
    expect(long.map((source) => `${source.path}: ${source.lines} lines`)).toEqual([])
    const sizes = sources.map((source) => source.lines).sort((a, b) => a - b)
    expect(sizes[Math.floor(sizes.length / 2)] ?? 0).toBeLessThan(MAX_MEDIAN_LINES)
  })
})

// A rule that cannot fail is decoration: each one is shown a file that breaks it.
describe('the rules catch', () => {
  const file = (path: string, text: string) => parseSource(path, text)

  it.each([
    ['core/a.ts', "import { b } from '../stores/b.ts'"],
    ['stores/a.ts', "export * from '../http/b.ts'"],
    ['testing/a.ts', "import {\n  b,\n} from '../stores/sqlite/index.ts'"],
    ['cli/a.ts', "await import('../../demo/main.ts')"],
    ['core/a.ts', "import '../outbox/outbox.ts'"],
  ])('an outward import in %s', (path, text) => {
    expect(forbiddenImports([file(path, text)])).toHaveLength(1)
  })

  it.each([
    ['core/a.ts', "import type { Pool } from 'pg'"],
    ['stores/a.ts', "import Database from 'libsql'"],
    ['http/a.ts', "import pc from 'picocolors'"],
    ['core/a.ts', "import fs from 'fs'"],
  ])('a package in %s', (path, text) => {
    expect(forbiddenPackages([file(path, text)])).toHaveLength(1)
  })

  it.each([
    'const now = Date.now()',
    'setTimeout(wake, 5)',
    'const jitter = Math.random()',
    'crypto.randomUUID()',
    'new Date()',
  ])('impure code: %s', (text) => {
    expect(impurities([file('core/a.ts', text)])).toHaveLength(1)
    expect(impurities([file('core/runtime.ts', text)])).toEqual([])
  })

  it('a store that imports another one, and no other import', () => {
    const text = "import '../sqlite/rows.ts'\nimport '../sql/rows.ts'\nimport './b.ts'\nimport '../../core/key.ts'"
    expect(siblingImports([file('stores/postgres/a.ts', text)])).toEqual(['stores/postgres/a.ts -> ../sqlite/rows.ts'])
    expect(siblingImports([file('stores/open.ts', "await import('./sqlite/index.ts')")])).toEqual([])
  })

  it('a cycle', () => {
    const all = [
      file('core/a.ts', "import './b.ts'"),
      file('core/b.ts', "import './c.ts'"),
      file('core/c.ts', "export { b } from './b.ts'"),
    ]
    expect(firstCycle(all)).toEqual(['core/b.ts', 'core/c.ts', 'core/b.ts'])
  })

  it('and let comments and strings be', () => {
    const text = "/** Date.now() */ const a = 'http://x setTimeout' // import b from '../stores/b.ts'"
    expect(impurities([file('core/a.ts', text)])).toEqual([])
    expect(forbiddenImports([file('core/a.ts', text)])).toEqual([])
  })
})
