import { type ChildProcess, spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { ID_HEADER } from '../../src/messaging/kafka.ts'
import { bundled } from '../support/bundle.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { openDesk } from './kafka-helpers.ts'

/** 100 takes some minutes. */
const REBALANCES = Number(process.env.ONLYONCE_KAFKA_REBALANCES ?? 10)
const PARTITIONS = 4
const MOST_WORKERS = 4

describeWith('kafka', (url) => {
  it(`${REBALANCES} rebalances under load: nothing unfinished is committed, each takes effect once, in order`, {
    timeout: 60_000 + REBALANCES * 15_000,
  }, async () => {
    const { topic, path, admin, producer, effects, committed, behind } = await openDesk(url, PARTITIONS)
    const worker = await bundled('test/integration/kafka-worker.ts')
    const workers = new Set<ChildProcess>()
    const begin = () => {
      const child = spawn(process.execPath, [worker, url, topic, path], { stdio: ['ignore', 'inherit', 'inherit'] })
      workers.add(child)
      child.once('exit', () => workers.delete(child))
      tidily(child, (one) => one.kill('SIGKILL'))
    }
    const shared = (count: number) =>
      until(`the group has ${count} members`, async () => {
        const { groups } = await admin.describeGroups([`ledger-${topic}`])
        return groups[0]?.state === 'Stable' && groups[0].members.length === count
      })

    /** By partition, the ids at each offset. */
    const sent: string[][] = Array.from({ length: PARTITIONS }, () => [])
    let over = false
    async function load(): Promise<void> {
      for (let i = 0; !over; i++) {
        const partition = i % PARTITIONS
        const id = `${partition}.${i % 12}:${String(i).padStart(6, '0')}`
        const one = { partition, key: `key ${i % 12}`, value: id, headers: { [ID_HEADER]: id } }
        await producer.send({ topic, acks: -1, messages: [one] })
        sent[partition]?.push(id)
        await sleepMs(10)
      }
    }
    const wrong: string[] = []
    let looks = 0
    async function watch(): Promise<void> {
      for (; !over; looks++) {
        // In this order: what is committed now has to have taken effect before.
        const offsets = await committed()
        const done = new Set(await effects())
        for (const [partition, offset] of offsets) {
          const skipped = sent[partition]?.slice(0, Math.max(0, offset)).filter((id) => !done.has(id)) ?? []
          for (const id of skipped) wrong.push(`${id} is committed (${offset}) and was not done`)
        }
        await sleepMs(50)
      }
    }

    begin()
    await shared(1)
    const busy = [load(), watch()]
    const counts = { joined: 0, left: 0, killed: 0 }
    try {
      for (let i = 0; i < REBALANCES; i++) {
        const before = workers.size
        const [first] = workers
        if (before === 1 || (before < MOST_WORKERS && Math.random() < 0.5)) {
          begin()
          counts.joined++
          await shared(before + 1)
        } else {
          const kill = Math.random() < 0.5
          counts[kill ? 'killed' : 'left']++
          first?.kill(kill ? 'SIGKILL' : 'SIGTERM')
          await shared(before - 1)
        }
      }
    } finally {
      over = true
    }
    await Promise.all(busy)
    await until('all is committed', async () => (await behind()) === 0)
    const done = await effects()
    // What a run that somebody asked for has seen; in a suite it would be noise.
    if (process.env.ONLYONCE_KAFKA_REBALANCES)
      console.log(`rebalances: ${JSON.stringify(counts)}, messages: ${done.length}, looks at the offsets: ${looks}`)
    expect(wrong).toEqual([])
    expect(done.toSorted()).toEqual(sent.flat().toSorted())
    for (const key of new Set(done.map((id) => id.split(':')[0]))) {
      const ofKey = done.filter((id) => id.startsWith(`${key}:`))
      expect(ofKey).toEqual(ofKey.toSorted())
    }
  })
})
