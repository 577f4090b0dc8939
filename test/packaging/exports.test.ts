import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { requireBuild, root, runOk } from '../built.ts'

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly version: string
  readonly bin: Record<string, string>
  readonly exports: Record<string, string | { readonly types: string; readonly default: string }>
}

const subpaths = Object.entries(manifest.exports).flatMap(([name, target]) =>
  typeof target === 'string' ? [] : [{ name, target }],
)

/** Folders of dist that users reach by other ways (`bin`) or not at all. */
const NOT_LIBRARY = ['core', 'cli', 'demo', 'stores/sql']

/** By convention the index of a layer, or of one store, is its public face: built means it must be declared. */
const PUBLIC_INDEX = /^([^/]+\/|stores\/[^/]+\/)?index\.js$/

function builtIndexes(): string[] {
  const dist = join(root, 'dist')
  return readdirSync(dist, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name === 'index.js')
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(dist.length + 1)
        .split(sep)
        .join('/'),
    )
    .filter((path) => PUBLIC_INDEX.test(path))
    .filter((path) => !NOT_LIBRARY.some((folder) => path.startsWith(`${folder}/`)))
    .map((path) => `./dist/${path}`)
}

describe('exports', () => {
  beforeAll(requireBuild)

  it.each(subpaths)('$name is built, with types first', ({ target }) => {
    expect(Object.keys(target)).toEqual(['types', 'default'])
    expect(existsSync(join(root, target.types))).toBe(true)
    expect(existsSync(join(root, target.default))).toBe(true)
    expect(target.types).toBe(target.default.replace(/\.js$/, '.d.ts'))
  })

  it('every public index that is built is declared', () => {
    const declared = new Set(subpaths.map(({ target }) => target.default))
    expect(builtIndexes().filter((file) => !declared.has(file))).toEqual([])
  })

  it.each(subpaths)('$name can be imported by its public name and exports something', async ({ name }) => {
    const specifier = name.replace(/^\./, 'onlyonce')
    const script = `console.log(Object.keys(await import(${JSON.stringify(specifier)})).join(' '))`
    const names = runOk(process.execPath, ['--input-type=module', '--eval', script], root).trim()
    expect(names).not.toBe('')
    expect(names.split(' ')).not.toContain('default')
  })

  it.each(Object.entries(manifest.bin))('the command %s runs and knows its version', (_, file) => {
    expect(readFileSync(join(root, file), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
    expect(runOk(process.execPath, [file, '--version'], root)).toContain(manifest.version)
  })
})
