import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { storeFlag } from '../../src/cli/store-flag.ts'
import { storedValue } from '../../src/core/result.ts'
import { migrateCommand } from '../../src/stores/postgres/faults.ts'
import { abandoned, cli, done, file, find, home, url } from './cli-kit.ts'

/** The arguments that a shell makes of a suggested command, or fails. */
function pasted(command: string): readonly string[] {
  const split = `npx() { printf '%s\\n' "$@"; }\n${command}`
  const { stdout, stderr, status } = spawnSync('sh', ['-c', split], { encoding: 'utf8', cwd: home })
  expect({ status, stderr }, command).toEqual({ status: 0, stderr: '' })
  const [program, ...words] = stdout.trimEnd().split('\n')
  expect(program).toBe('onlyonce')
  return words
}

const commandsIn = (text: string) => [...text.matchAll(/npx onlyonce [^`\n]+/g)].map(([command]) => command)

it('`keys get` names two commands that work when they are pasted', async () => {
  await abandoned('a')
  const { err } = await cli(['keys', 'get', 'a', '--scope', 'payments', '--store', url])
  const [happened = '', didNot = ''] = commandsIn(err)
  expect(await cli([...pasted(didNot), '--yes'])).toMatchObject({ code: 0 })
  expect(await find('a')).toMatchObject({ state: 'idle' })
  await abandoned('a')
  expect(await cli([...pasted(happened), '--yes'])).toMatchObject({ code: 0 })
  expect(await find('a')).toMatchObject({ state: 'done' })
})

it('without --store no hint has one: the environment has', async () => {
  await abandoned('a')
  const env = { ONLYONCE_STORE: url }
  expect((await cli(['keys', 'get', 'a', '--scope', 'payments'], { env })).err).not.toContain('--store')
  expect((await cli(['doctor'], { env })).out).not.toContain('--store')
})

it.each([
  ['postgres://localhost/shop?schema=a&partitions=1,2', `'postgres://localhost/shop?schema=a&partitions=1,2'`],
  ['redis+sentinel://a:1,b:2/main?prefix=shop', `'redis+sentinel://a:1,b:2/main?prefix=shop'`],
  ['sqlite:my@orders.db', 'sqlite:my@orders.db'],
  ["sqlite:it's 订单.db", `'sqlite:it'\\''s 订单.db'`],
  ['postgres://me@localhost/shop', 'postgres://me@localhost/shop'],
  ['postgres://me@secret:x@localhost/shop', 'URL'],
  ['redis://secret@localhost', 'URL'],
  ['postgres://me:secret@localhost/shop', 'URL'],
  ['postgres://localhost/shop?password=secret', 'URL'],
  ['redis://default:secret/0', 'URL'],
  ['sqlite:a\u202eb.db', 'URL'],
  ['sqlite:a\nb.db', 'URL'],
])('of --store %j a hint says %s', (given, said) => {
  expect(storeFlag(given)).toBe(` --store ${said}`)
})

it('what `doctor` suggests works when it is pasted, also for a URL with parameters', async () => {
  await abandoned('a')
  const { out } = await cli(['doctor', '--store', `${url}?durability=full&busyTimeoutMs=100`])
  const [list = ''] = commandsIn(out)
  expect((await cli([...pasted(list), '--json'])).out).toContain('"key":"a"')
})

it.each(['a b', 'a?b', '50%25', "it's", '$HOME & more'])(
  'a missing file called %j is created by the command named',
  async (name) => {
    const missing = join(home, `${name}-${file}.db`)
    const asked = `sqlite:${missing.replace(/[%?]/g, encodeURIComponent)}`
    const [command = ''] = commandsIn((await cli(['keys', 'ls', '--store', asked])).err)
    expect(await cli(pasted(command))).toMatchObject({ code: 0 })
    expect(existsSync(missing)).toBe(true)
  },
)

it('the command for PostgreSQL keeps its parameters in a shell', () => {
  const [command = ''] = commandsIn(migrateCommand('shop', { everyMs: 1, keep: 2 }))
  expect(pasted(command)).toEqual(['migrate', '--store', 'postgres://HOST/DATABASE?schema=shop&partitions=1,2'])
})

it('the beginning of a scope that `keys ls` suggests finds it, whatever is in the scope', async () => {
  const scope = `o'neil "\\ co`
  await done('a', storedValue(1), { scope: JSON.stringify([scope, 'ann', 'POST', '/orders']) })
  const { err } = await cli(['keys', 'ls', '--scope', scope, '--store', url])
  const [, flag = ''] = /try (.*)/.exec(err) ?? []
  const words = pasted(`npx onlyonce keys ls --json ${flag}`)
  expect((await cli([...words, '--store', url])).out).toContain('"key":"a"')
})
