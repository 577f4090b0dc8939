import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { consume } from '../../src/messaging/nats.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { describeWith, describeWithFresh } from '../support/services.ts'
import { bundled, sleepMs, until } from './messaging-helpers.ts'
import { clientOf, open, openDesk, tidily } from './nats-helpers.ts'

const LONG = { timeout: 150_000 }
const names = (count: number, prefix = 'm') => Array.from({ length: count }, (_, i) => `${prefix}${i + 100}`)
const record = (id: string, tx: SqliteTx) => tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id)
const rules = { name: 'ledger', delivers: 'exactly-once-effect' } as const

describeWith('nats', (url) => {
  it('processes that are killed leave each effect once; the message that kills them is put aside', LONG, async () => {
    const { stream, path, publish, effects, isDone, dead } = await openDesk(url)
    const worker = await bundled('nats-worker')
    const ids = names(60)
    await publish([...ids.slice(0, 20), 'killer', ...ids.slice(20)])
    let over = false
    let kills = 0
    const run = async () => {
      while (!over) {
        const child = spawn(process.execPath, [worker, url, stream, path], { stdio: ['ignore', 'inherit', 'inherit'] })
        tidily(child, (one) => one.kill('SIGKILL'))
        const ended = new Promise((resolve) => child.once('exit', resolve))
        // Four times from outside, at any moment; after that only by the message itself.
        if (kills < 4) void sleepMs(400 + Math.random() * 600).then(() => kills++ < 4 && child.kill('SIGKILL'))
        await ended
      }
    }
    const running = [run(), run()]
    try {
      await until('all took effect', async () => (await effects()).length >= ids.length)
      await until('the killer is put aside and nothing is left', async () => (await dead()).length > 0 && isDone())
    } finally {
      over = true
    }
    expect((await effects()).toSorted()).toEqual(ids)
    const parked = (await dead()).map(({ id, reason }) => [id, reason])
    expect(parked[0]).toEqual(['killer', expect.stringContaining('3 times')])
    expect(new Set(parked.map(([id]) => id))).toEqual(new Set(['killer']))
    void running
  })

  it('what a killed process had keeps its place before what is new', LONG, async () => {
    const { stream, connection, once, path, publish, effects, info } = await openDesk(url)
    const worker = await bundled('nats-worker')
    await publish(['killer', ...names(4)], 'k')
    const child = spawn(process.execPath, [worker, url, stream, path], { stdio: ['ignore', 'inherit', 'inherit'] })
    tidily(child, (one) => one.kill('SIGKILL'))
    await new Promise((resolve) => child.once('exit', resolve))
    expect((await info()).num_ack_pending).toBe(5)
    // They come before what the dead process had, unless they are made to wait.
    await publish(names(4, 'n'), 'k')
    await publish(['free'])
    const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
    const consumer = consume({ ...rules, ...clientOf(connection), once, stream, handle })
    tidily(consumer, (one) => one.stop())
    await until('all took effect', async () => (await effects()).length >= 10)
    expect(await effects()).toEqual(['free', 'killer', ...names(4), ...names(4, 'n')])
  })
})

describeWithFresh('nats', (start) => {
  it('goes on after the server was killed, and every effect is there once', LONG, async () => {
    const server = tidily(await start(), (one) => one.stop())
    const { once, stream, publish, effects, isDone } = await openDesk(server.url)
    const ids = names(60)
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
