import { connect } from 'node:net'
import { Kafka, logLevel } from 'kafkajs'
import { expect, it } from 'vitest'
import { type ConsumerEvent, consume } from '../../src/messaging/kafka.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { openDesk, quick } from './kafka-helpers.ts'
import { names } from './ledger.ts'
import { record } from './ledger-store.ts'
import { workers } from './workers.ts'

const LONG = { timeout: 180_000 }

describeWith('kafka', (url) => {
  it('processes that are killed leave each effect once; the message that kills them is put aside', LONG, async () => {
    const { topic, path, publish, effects, behind, dead } = await openDesk(url)
    const ids = names('m', 60)
    await publish([...ids.slice(0, 20), 'killer', ...ids.slice(20)])
    await workers('kafka-worker', [url, topic, path], { kills: 2, afterMs: 700 })
    await until('all took effect', async () => (await effects()).length >= ids.length)
    await until('all is committed', async () => (await behind()) === 0)
    expect((await effects()).toSorted()).toEqual(ids)
    const [killer] = await dead(1)
    expect(String(killer?.headers?.['onlyonce-id'])).toBe('killer')
    expect(String(killer?.headers?.['onlyonce-reason'])).toMatch(/started \d+ times/)
  })

  it('a commit that is lost leads to a second delivery and no second effect', LONG, async () => {
    const { from, once, publish, effects, behind } = await openDesk(url)
    const port = Number(new URL(url).port)
    const proxy = tidily(await createProxy(port), (one) => one.close())
    const kafka = new Kafka({
      ...{ clientId: 'cut', brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING },
      // Kafka names its own port to whoever asks, so every connection is led through the proxy here.
      socketFactory: ({ onConnect }) => connect({ port: proxy.port, host: '127.0.0.1' }, onConnect),
    })
    let cuts = 0
    const OFFSET_COMMIT = 8
    const isCommit = (chunk: Buffer) => chunk.length > 6 && chunk.readInt16BE(4) === OFFSET_COMMIT
    // The first goes through: without it no message is handed over.
    let commits = 0
    proxy.onRequest = (chunk) => (isCommit(chunk) && ++commits > 2 && cuts < 3 && ++cuts > 0 ? 'cut' : undefined)
    const ids = names('m', 60)
    const settled: string[] = []
    const onEvent = (event: ConsumerEvent) => void (event.type === 'settled' && settled.push(event.delivery.id))
    const handle = async ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
    const start = () => consume({ ...quick, ...from, kafka, once, concurrency: 4, handle, onEvent })
    let consumer = start()
    for (let i = 0; i < 60; i += 20) {
      await publish(ids.slice(i, i + 20))
      await until('they took effect', async () => (await effects()).length >= i + 20)
    }
    await until('commits were lost', () => cuts === 3)
    await consumer.stop()
    consumer = tidily(start(), (one) => one.stop())
    await until('all is committed', async () => (await behind()) === 0)
    expect((await effects()).toSorted()).toEqual(ids)
  })

  it('a connection that is cut again and again costs no effect and adds none', LONG, async () => {
    const { from, once, publish, effects, behind } = await openDesk(url)
    const port = Number(new URL(url).port)
    const proxy = tidily(await createProxy(port), (one) => one.close())
    const kafka = new Kafka({
      ...{ clientId: 'cut', brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING },
      socketFactory: ({ onConnect }) => connect({ port: proxy.port, host: '127.0.0.1' }, onConnect),
    })
    const ids = names('m', 60)
    await publish(ids)
    const handle = async ({ id }: { id: string }, tx: SqliteTx) => {
      await sleepMs(10)
      record(id, tx)
    }
    tidily(consume({ ...quick, ...from, kafka, once, concurrency: 2, handle }), (one) => one.stop())
    for (const share of [10, 25, 40]) {
      await until(`${share} took effect`, async () => (await effects()).length >= share)
      proxy.cut()
      await sleepMs(200)
      proxy.resume()
    }
    await until('all is committed', async () => (await behind()) === 0)
    expect((await effects()).toSorted()).toEqual(ids)
  })
})
