import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { describeWith } from '../support/services.ts'
import { bundled, sleepMs, until } from './messaging-helpers.ts'
import { openDesk, tidily } from './rocketmq-helpers.ts'

const LONG = { timeout: 240_000 }
const names = (count: number) => Array.from({ length: count }, (_, i) => `m${i + 100}`)

describeWith('rocketmq', (url) => {
  it('processes that are killed leave each effect once; the message that kills them is put aside', LONG, async () => {
    const { topic, group, path, publish, effects, read } = await openDesk(url)
    const worker = await bundled('rocketmq-worker')
    const ids = names(40)
    await publish([...ids.slice(0, 10), 'killer', ...ids.slice(10)])
    let over = false
    let kills = 0
    const run = async () => {
      while (!over) {
        const child = spawn(process.execPath, [worker, url, topic, group, path], {
          stdio: ['ignore', 'inherit', 'inherit'],
        })
        tidily(child, (one) => one.kill('SIGKILL'))
        const ended = new Promise((resolve) => child.once('exit', resolve))
        // Once from outside, at any moment; after that only by the message itself: what a process held comes again
        // after ten seconds at the earliest.
        if (kills < 1) void sleepMs(500 + Math.random() * 700).then(() => kills++ < 1 && child.kill('SIGKILL'))
        await ended
      }
    }
    const running = [run(), run()]
    try {
      const [parked] = await read(1)
      expect([parked?.keys, parked?.properties.get('onlyonce-reason')]).toEqual([
        ['killer'],
        expect.stringContaining('2 times'),
      ])
      await until('all took effect', async () => (await effects()).length >= ids.length, 120_000)
    } finally {
      over = true
    }
    expect((await effects()).toSorted()).toEqual(ids)
    void running
  })
})
