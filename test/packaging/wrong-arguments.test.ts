import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { redeliver } from '../../src/client/index.ts'
import { OnlyonceError } from '../../src/core/errors.ts'
import { onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { fakeRuntime, faultyStore, simulate } from '../../src/testing/index.ts'
import { root } from '../built.ts'

const ENTRIES: readonly string[] = [
  '.',
  'bullmq',
  'client',
  'completer',
  'decorator',
  'embedded-queue',
  'executors',
  'express',
  'fastify',
  'fetch',
  'hono',
  'inbox',
  'kafka',
  'koa',
  'memory',
  'mysql',
  'nats',
  'nestjs',
  'outbox',
  'postgres',
  'rabbitmq',
  'redis',
  'redis-streams',
  'rocketmq',
  'rpc',
  'sealed',
  'sql',
  'sqlite',
  'state-machine',
  'stores',
  'telemetry',
  'testing',
  'tokens',
]
/** Plays many schedules without options, which takes long. */
const NOT_CALLED = ['simulate']
const WRONG: readonly (readonly unknown[])[] = [
  [],
  [null],
  [null, null],
  [{}],
  [{}, {}],
  [5],
  ['x'],
  ['x', 'x'],
  [[]],
  [() => {}],
]

type Anything = (...given: readonly unknown[]) => unknown

/** What a store is made of: they are given what the engine gives, checked. */
const LIFECYCLE = /^(decide[A-Z]|retained|isAbandoned|isSweepable)/

/** The functions that an entry point exports; a class is left out. */
async function functionsOf(entry: string): Promise<readonly (readonly [string, Anything])[]> {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const built: string = exports[entry === '.' ? entry : `./${entry}`].default
  const source = built.replace('./dist/', 'src/').replace(/\.js$/, '.ts')
  const found = Object.entries((await import(pathToFileURL(join(root, source)).href)) as Record<string, unknown>)
  return found.filter(
    (one): one is [string, Anything] =>
      !LIFECYCLE.test(one[0]) && typeof one[1] === 'function' && !/^class\b/.test(`${one[1]}`),
  )
}

describe('functions that are given nothing, or something else, say what they want', () => {
  it.each(ENTRIES)('the entry point %s', async (entry) => {
    const unclear: string[] = []
    for (const [name, called] of await functionsOf(entry)) {
      for (const given of NOT_CALLED.includes(name) ? [] : WRONG) {
        try {
          await called(...given)
        } catch (error) {
          if (!OnlyonceError.is(error)) unclear.push(`${name}(${given.map((one) => typeof one)}): ${error}`)
        }
      }
    }
    expect(unclear).toEqual([])
  })

  it.each([
    ['kafka', 'deadTopic'],
    ['rabbitmq', 'deadQueue'],
    ['redis-streams', 'deadStream'],
    ['rocketmq', 'deadTopic'],
  ])('onlyonce/%s: %s makes no name of no name', async (entry, name) => {
    const [, called] = (await functionsOf(entry)).find((one) => one[0] === name) as [string, Anything]
    for (const given of [undefined, null, '', {}]) {
      expect(() => called(given)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    }
  })

  it('a statement is made of the `sql` of Drizzle, which is easily forgotten', async () => {
    const tx = { execute() {}, transaction() {} }
    for (const [name, called] of await functionsOf('executors')) {
      if (!name.startsWith('fromDrizzle')) continue
      expect(() => called(tx), name).toThrow("option `sql` must be Drizzle's own: `import { sql } from 'drizzle-orm'`")
    }
  })

  it.each([{}, () => {}, { query() {} }])('no executor is made of %s', async (given) => {
    for (const [name, called] of await functionsOf('executors')) {
      expect(() => called(given, given), name).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    }
  })

  it('a fault plan and its store are asked for', async () => {
    expect(() => faultyStore(undefined as never, {})).toThrow('option `store` is required')
    expect(() => faultyStore(memoryStore(), undefined as never)).toThrow('option `plan` is required')
    expect(fakeRuntime(null as never).now()).toBe(fakeRuntime().now())
  })

  it('a sweeper and a transaction, too', async () => {
    const store = sqliteStore({ path: ':memory:' })
    const once = onlyonce({ store, scope: 'shop' })
    await expect(store.transaction(undefined as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await once.sweeper(null as never).stop()
    await once.close()
    await store[Symbol.asyncDispose]()
  })

  it('a suite asks for its runner, and simulate for no number of null', async () => {
    for (const [name, called] of await functionsOf('testing')) {
      if (!name.endsWith('Conformance')) continue
      const harness = { open() {}, serve() {}, openTopic() {} }
      expect(() => called('mine', harness), name).toThrow('option `runner` is required: `{ describe, it }` of vitest')
    }
    await expect(simulate({ seeds: null } as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('queued calls are a list', async () => {
    await expect(redeliver(fetch)({} as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('an engine must have options: once.atomic can be asked too, and is none', async () => {
    const [, inbox] = (await functionsOf('inbox')).find(([name]) => name === 'inbox') as [string, Anything]
    const given = { once: { attempt() {} }, name: 'n', delivers: 'at-least-once', handle() {} }
    expect(() => inbox(given)).toThrow('option `once` must be an engine')
  })
})
