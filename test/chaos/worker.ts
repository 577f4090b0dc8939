/** A process of its own, bundled by `bundle.ts`: asks for operations until it is told to stop, or until all are settled. */
import { setTimeout as sleep } from 'node:timers/promises'
import { onlyonce } from 'onlyonce'
import { type ChaosOnce, createAsker } from './asker.ts'
import { createHistory, type EffectValue, readHistory } from './history.ts'
import { JOB_VARIABLE, type Job, KEY_EVERY_MS, LEASE_MS, STORE_TIMEOUT_MS, WINDOW } from './plan.ts'
import { openWorkerStore } from './worker-store.ts'

const CALLERS = 4
const SETTLERS = 16
const NEWS = ['lease-lost', 'store-failed', 'abandoned']

const job = JSON.parse(process.env[JOB_VARIABLE] ?? '') as Job
const write = createHistory(job.history, job.who, job.startedAt)
const crash = (error: unknown) => {
  write({ kind: 'crash', key: '', message: error instanceof Error ? `${error.stack}` : String(error) })
  process.exit(1)
}
process.on('uncaughtException', crash).on('unhandledRejection', crash)
// Without its supervisor nobody would ever stop it.
process.on('disconnect', () => process.exit(0))
let stopped = false
process.on('message', () => {
  stopped = true
})

const store = await openWorkerStore(job)
const once = onlyonce({
  store,
  scope: 'chaos',
  leaseMs: LEASE_MS,
  storeTimeoutMs: STORE_TIMEOUT_MS,
  maxRunMs: 10 * LEASE_MS,
}) as unknown as ChaosOnce
once.on(({ type, key }) => {
  if (NEWS.includes(type)) write({ kind: 'event', key, type })
})
const ask = createAsker(once, store, job, write)

/** Some key of the window as it is now: new, running elsewhere, abandoned, or long done. */
function someKey(): string {
  const newest = Math.floor((Date.now() - job.startedAt) / KEY_EVERY_MS)
  const number = Math.max(0, newest - Math.floor(Math.random() * WINDOW))
  return `${job.modes[Math.floor(Math.random() * job.modes.length)]}-${number}`
}

async function askOnAndOn(): Promise<void> {
  while (!stopped) {
    await ask(someKey())
    await sleep(Math.random() * 40)
  }
}

/** Asks for everything that was ever asked for, until it is answered or the time is over; then looks at the records. */
async function settleAll(): Promise<void> {
  const keys = [...new Set(readHistory(job.history).map(({ key }) => key))].filter((key) => key !== '')
  const waiting = [...keys]
  const settle = async () => {
    for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) {
      while (!(await ask(key)) && Date.now() < job.deadline) await sleep(50)
    }
  }
  await Promise.all(Array.from({ length: SETTLERS }, settle))
  for (const key of keys) {
    const view = await once.find(key)
    const value = view?.result?.kind === 'value' ? (view.result.value as EffectValue) : undefined
    write({ kind: 'record', key, state: view?.state ?? 'absent', value })
  }
}

if (job.task === 'settle') await settleAll()
else await Promise.all(Array.from({ length: CALLERS }, askOnAndOn))
await once.close()
await store[Symbol.asyncDispose]()
process.disconnect()
