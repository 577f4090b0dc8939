import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requireBuild, root, run, runOk, tscBin } from '../built.ts'

const consumers = join(root, 'test/packaging/consumers')
const home = mkdtempSync(join(tmpdir(), 'onlyonce-consumer-'))
const installed = join(home, 'node_modules/onlyonce')
let files: readonly string[] = []

/** As a user gets it: packed, installed from the tarball without network, used from outside this repository. */
beforeAll(() => {
  requireBuild()
  const packed = runOk('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', home], root)
  const report = JSON.parse(packed)
  // npm 11 prints a list; later versions an object by package name.
  const [first] = Array.isArray(report) ? report : Object.values(report)
  const { filename, files: listed } = first as { filename: string; files: { path: string }[] }
  files = listed.map((file) => file.path)
  cpSync(consumers, home, { recursive: true })
  runOk(
    'npm',
    ['install', '--offline', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', `./${filename}`],
    home,
  )
})

afterAll(() => rmSync(home, { recursive: true, force: true }))

describe('the packed package', () => {
  it('has the expected folders and nothing else', () => {
    const places = files.map((file) =>
      /^dist\/index\.(js|d\.ts)$/.test(file) ? 'dist/index' : file.split('/', 2).join('/'),
    )
    expect([...new Set(places)].sort()).toEqual([
      'LICENSE',
      'README.md',
      'README.zh-CN.md',
      'dist/THIRD-PARTY-LICENSES.txt',
      'dist/cli',
      'dist/client',
      'dist/core',
      'dist/demo',
      'dist/embedded',
      'dist/executors',
      'dist/guards',
      'dist/http',
      'dist/index',
      'dist/messaging',
      'dist/outbox',
      'dist/rpc',
      'dist/stores',
      'dist/telemetry',
      'dist/testing',
      'package.json',
    ])
  })

  it('ships no tests, sources or maps', () => {
    expect(files.filter((file) => /\.test\.|\.map$|(^|[^d])\.ts$|(^|\/)\.[^/]+$/.test(file))).toEqual([])
  })

  it('installs nothing besides itself and runs nothing on install', () => {
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
    expect(manifest.dependencies ?? {}).toEqual({})
    expect(Object.keys(manifest.scripts ?? {}).filter((name) => /install|prepare/.test(name))).toEqual([])
    expect(readdirSync(join(home, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['onlyonce'])
  })

  it('carries the licences of what is bundled', () => {
    const text = readFileSync(join(installed, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8')
    expect(text).toMatch(/^commander \d/m)
    expect(text).toMatch(/^picocolors \d/m)
  })

  it.each(['consumer.mjs', 'consumer.cjs'])('works in %s', (file) => {
    expect(runOk(process.execPath, [file], home).trim()).toBe('ok')
  })

  it('hides its insides', () => {
    // It is there: a path that is not would be refused in the same words.
    expect(files).toContain('dist/core/errors.js')
    const script = "try { require('onlyonce/dist/core/errors.js') } catch (error) { console.log(error.code) }"
    expect(runOk(process.execPath, ['--eval', script], home).trim()).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  it('is imported whole by everything.ts', () => {
    const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { exports: object }
    const imported = readFileSync(join(consumers, 'everything.ts'), 'utf8')
    const subpaths = Object.keys(exports).filter((name) => name !== '.' && name !== './package.json')
    expect(subpaths.filter((name) => !imported.includes(`'${name.replace('.', 'onlyonce')}'`))).toEqual([])
  })

  it.each(['tsconfig.nodenext.json', 'tsconfig.bundler.json'])('type-checks for a strict consumer: %s', (project) => {
    const typeRoots = join(root, 'node_modules/@types')
    expect(run(process.execPath, [tscBin, '-p', project, '--typeRoots', typeRoots], home)).toMatchObject({
      code: 0,
      stdout: '',
    })
  })

  it.each(['tsconfig.library.json', 'tsconfig.publishers.json'])('names every type that it answers: %s', (project) => {
    const typeRoots = join(root, 'node_modules/@types')
    expect(run(process.execPath, [tscBin, '-p', project, '--typeRoots', typeRoots], home)).toMatchObject({
      code: 0,
      stdout: '',
    })
  })

  it('installs a working command', () => {
    const bin = join(home, 'node_modules/.bin/onlyonce')
    expect(runOk(bin, ['--version'], home)).toMatch(/\d+\.\d+\.\d+/)
  })
})
