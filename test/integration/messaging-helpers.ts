import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embeddedQueue } from '../../src/messaging/embedded-queue.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { later } from '../support/leftovers.ts'

/** One shop in a directory of its own: a store, a queue, and the processes that work on them. */
export async function openShop(worker: string) {
  const directory = mkdtempSync(join(tmpdir(), 'onlyonce-shop-'))
  const store = sqliteStore({ path: join(directory, 'shop.db'), durability: 'normal', busyTimeoutMs: 20_000 })
  const queue = embeddedQueue({
    path: join(directory, 'queue.db'),
    subscriptions: { orders: ['ledger'] },
    durability: 'normal',
    busyTimeoutMs: 20_000,
  })
  const children = new Set<ChildProcess>()
  later(async () => {
    for (const child of children) child.kill('SIGKILL')
    await queue.close()
    await store[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  })
  await store.transaction(async (tx) => {
    tx.exec('CREATE TABLE effects (id TEXT)')
  })

  function start(...args: readonly string[]): { readonly child: ChildProcess; readonly over: Promise<void> } {
    const [role = '', mode = ''] = args
    const child = spawn(process.execPath, [worker, role, directory, mode], { stdio: ['ignore', 'inherit', 'inherit'] })
    children.add(child)
    const over = new Promise<void>((done) => {
      child.once('exit', () => {
        children.delete(child)
        done()
      })
    })
    return { child, over }
  }

  const log = () => {
    const path = join(directory, 'log')
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []
  }
  const effects = async (): Promise<readonly string[]> =>
    store.transaction(async (tx) =>
      tx
        .prepare('SELECT id FROM effects ORDER BY id')
        .all()
        .map((row) => String((row as { id: unknown }).id)),
    )
  const idle = async () => {
    const { ready = 0, out = 0, behind = 0 } = (await queue.stats()).get('ledger') ?? {}
    return ready + out + behind === 0
  }
  return { directory, store, queue, start, log, effects, idle }
}

export const message = (id: string, orderingKey?: string) => ({
  id,
  topic: 'orders',
  body: new TextEncoder().encode(JSON.stringify({ id })),
  headers: {},
  ...(orderingKey === undefined ? {} : { orderingKey }),
})
