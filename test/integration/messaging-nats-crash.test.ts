import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { consume } from '../../src/messaging/nats.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { bundled } from '../support/bundle.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith, describeWithFresh } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { names } from './ledger.ts'
import { record } from './ledger-store.ts'
import { clientOf, open, openDesk } from './nats-helpers.ts'
import { workers } from './workers.ts'

const LONG = { timeout: 150_000 }
const rules = { name: 'ledger', delivers: 'exactly-once-effect' } as const

describeWith('nats', (url) => {
  it('processes that are killed leave each effect once; the message that kills them is put aside', LONG, async () => {
    const { stream, path, publish, effects, isDone, dead } = await openDesk(url)
    const ids = names('m', 60)
    await publish([...ids.slice(0, 20), 'killer', ...ids.slice(20)])
    await workers('nats-worker', [url, stream, path], { kills: 4, afterMs: 400 })
    await until('all took effect', async () => (await effects()).length >= ids.length)
    await until('the killer is put aside and nothing is left', async () => (await dead()).length > 0 && isDone())
    expect((await effects()).toSorted()).toEqual(ids)
    const parked = (await dead()).map(({ id, reason }) => [id, reason])
    expect(parked[0]).toEqual(['killer', expect.stringMatching(/started \d+ times/)])
    expect(new Set(parked.map(([id]) => id))).toEqual(new Set(['killer']))
  })

  it('what a killed process had keeps its place before what is new', LONG, async () => {
    const { stream, connection, once, path, publish, effects, info } = await openDesk(url)
    const worker = await bundled('test/integration/nats-worker.ts')
    await publish(['killer', ...names('m', 4)], 'k')
    const child = spawn(process.execPath, [worker, url, stream, path], { stdio: ['ignore', 'inherit', 'inherit'] })
    tidily(child, (one) => one.kill('SIGKILL'))
    await new Promise((resolve) => child.once('exit', resolve))
    expect((await info()).num_ack_pending).toBe(5)
    // They come before what the dead process had, unless they are made to wait.
    await publish(names('n', 4), 'k')
    await publish(['free'])
    const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
    const consumer = consume({ ...rules, ...clientOf(connection), once, stream, handle })
    tidily(consumer, (one) => one.stop())
    await until('all took effect', async () => (await effects()).length >= 10)
    expect(await effects()).toEqual(['free', 'killer', ...names('m', 4), ...names('n', 4)])
  })
})

describeWithFresh('nats', (start) => {
  it('goes on after the server was killed, and every effect is there once', LONG, async () => {
    const server = tidily(await start(), (one) => one.stop())
    const { once, stream, publish, effects, isDone } = await openDesk(server.url)
    const ids = names('m', 60)
    await publish(ids)
    const failures: string[] = []
    const handle = async ({ id }: { id: string }, tx: SqliteTx) => {
      await sleepMs(20)
      record(id, tx)
    }
    const consumer = consume({
      ...rules,
      ...clientOf(await open(server.url)),
      once,
      stream,
      concurrency: 2,
      handle,
      onEvent: (event) => void (event.type === 'broker-failed' && failures.push(String(event.error))),
    })
    tidily(consumer, (one) => one.stop())
    await until('some took effect', async () => (await effects()).length > 5)
    await server.restart('immediate')
    await until('all took effect', async () => (await effects()).length >= ids.length, 60_000)
    await until('the server has nothing left', () => isDone().catch(() => false))
    await consumer.stop()
    expect((await effects()).toSorted()).toEqual(ids)
    expect(failures.join()).toContain('the connection to NATS was lost')
  })
})
