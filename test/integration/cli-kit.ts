import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect } from 'vitest'
import type { Io } from '../../src/cli/io.ts'
import { run } from '../../src/cli/run.ts'
import { operationId } from '../../src/core/key.ts'
import type { Lease, Steps, StoredResult } from '../../src/core/record.ts'
import { systemRuntime } from '../../src/core/runtime.ts'
import { type SqliteStore, sqliteStore } from '../../src/stores/sqlite/index.ts'

export const ESC = '\u001b'
/** What must not reach a terminal from a store. */
export const CONTROLS = /\p{Cc}|[\u202a-\u202e\u2028\u2029]/u
export const home = mkdtempSync(join(tmpdir(), 'onlyonce-cli-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

export interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface Setting {
  readonly env?: Record<string, string>
  readonly tty?: boolean
  /** What the person types; called with the question. */
  readonly answer?: (question: string) => Promise<string> | string
}

/** One command line, without a terminal unless told otherwise. */
export async function cli(argv: readonly string[], { env = {}, tty = false, answer }: Setting = {}): Promise<Said> {
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

export const json = ({ out }: Said) => JSON.parse(out) as Record<string, unknown>

export let path = ''
export let url = ''
export let store: SqliteStore
export let file = 0

beforeEach(async () => {
  path = join(home, `store-${++file}.db`)
  url = `sqlite:${path}`
  store = sqliteStore({ path, migrate: 'auto' })
  await store.migrate()
})

afterEach(() => store[Symbol.asyncDispose]())

export interface Given {
  readonly scope?: string
  readonly owner?: string
  readonly leaseMs?: number
  readonly retentionMs?: number
  readonly fingerprint?: string
  readonly on?: SqliteStore
}

export async function claim(key: string, given: Given = {}): Promise<Lease> {
  const {
    scope = 'payments',
    owner = systemRuntime.token(),
    leaseMs = 60_000,
    retentionMs = 86_400_000,
    fingerprint = '',
  } = given
  const id = operationId(scope, key)
  const [outcome] = await (given.on ?? store).claim([{ id, scope, key, fingerprint, owner, leaseMs, retentionMs }])
  if (outcome?.kind !== 'granted') throw new Error(`not granted: ${outcome?.kind}`)
  return outcome.lease
}

export async function done(key: string, result: StoredResult, given: Given = {}): Promise<Lease> {
  const lease = await claim(key, given)
  const { retentionMs = 86_400_000 } = given
  expect(await (given.on ?? store).complete([{ lease, result, retentionMs }])).toEqual(['ok'])
  return lease
}

/** Claimed by an owner that disappeared. */
export async function abandoned(key: string, given: Given = {}): Promise<Lease> {
  const lease = await claim(key, { ...given, leaseMs: 1 })
  await new Promise((resolve) => setTimeout(resolve, 5))
  return lease
}

export const unknown = (key: string) => done(key, { kind: 'unknown', body: new Uint8Array() })
export const find = async (key: string, scope = 'payments') => (await store.find([operationId(scope, key)]))[0]
export const steps: Steps = [{ name: 'charge', result: new Uint8Array([1]) }]
