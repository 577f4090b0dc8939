import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { run } from '../built.ts'
import { usersFile } from './users-file.ts'

const root = resolve(import.meta.dirname, '../..')
const folder = join(root, `.cache/crash-node-test-${process.pid}`)
const onlyonce = './node_modules/onlyonce/dist/testing/crash/onlyonce.mjs'

beforeAll(async () => {
  mkdirSync(folder, { recursive: true })
  await build({
    stdin: {
      contents: `export { crashEverywhere } from './src/testing/crash-everywhere/index.ts'
        export { sqliteStore } from './src/stores/sqlite/index.ts'`,
      resolveDir: root,
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['libsql', 'better-sqlite3'],
    // Where the package is when it is installed: its own frames are known by their folder.
    outfile: join(folder, onlyonce),
    logLevel: 'error',
  })
}, 60_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function runFile(name: string, content: string, ...options: string[]) {
  writeFileSync(join(folder, name), content)
  return run(process.execPath, [...options, join(folder, name)], folder)
}

it('works under node:test as well, names the lines there, and keeps the process no longer than the tests', () => {
  const startedAt = performance.now()
  const file = usersFile('node:test', { testing: onlyonce, sqlite: onlyonce })
  const ran = runFile('handlers.test.mjs', file, '--test', '--test-reporter=tap')
  expect(ran.code).toBe(1)
  expect(ran.stdout).toMatch(/^ *ok 1 - repaired$/m)
  expect(ran.stdout).toMatch(/^ *not ok 2 - broken$/m)
  expect(ran.stdout).toMatch(/^ *ok 3 - hung$/m)
  expect(ran.stdout).toMatch(/^ *ok 4 - objects$/m)
  expect(ran.stdout).toMatch(/after {2}handlers\.test\.mjs:19 {2}await kit\.outside\('mail', n\)/)
  expect(ran.stdout).toMatch(/before handlers\.test\.mjs:20 {2}await kit\.sql/)
  // The lease of a process that was stopped is renewed after 200 s, and nothing may wait for that.
  expect(performance.now() - startedAt).toBeLessThan(60_000)
}, 120_000)

const script = (handler: string) => `import { crashEverywhere, sqliteStore } from '${onlyonce}'
const mail = async (n, kit) => {
  await kit.outside('mail', n)
}
const { findings } = await crashEverywhere(${handler}, { store: () => sqliteStore({ path: ':memory:' }), message: 1 })
console.log(findings.map(({ what }) => what).join('\\n'))
`

it.each([
  ['a call of the kit', "(n, kit) => { kit.outside('mail', n) }"],
  ['a function around one', '(n, kit) => { mail(n, kit) }'],
  ['an engine', "(n, kit) => { kit.once({ scope: 's' })('k', () => mail(n, kit)) }"],
])('reports that %s is not awaited, instead of ending with its error', (_, handler) => {
  const ran = runFile('script.mjs', script(handler))
  expect(ran.stderr).not.toContain('MadeToFail')
  expect(ran.stdout).toMatch(/^An error of `.+` loses a part of the effect\.$/m)
  expect(ran.code).toBe(0)
})

it('leaves the end of the process by any other rejection that nobody hears as it is', () => {
  const ran = runFile('script.mjs', script("(n, kit) => { Promise.reject(new Error('mine')); return mail(n, kit) }"))
  expect(ran.stderr).toContain('Error: mine')
  expect(ran.code).toBe(1)
})
