import { expect, it } from 'vitest'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { names } from './ledger.ts'
import { openDesk } from './rocketmq-helpers.ts'
import { workers } from './workers.ts'

const LONG = { timeout: 240_000 }

describeWith('rocketmq', (url) => {
  it('processes that are killed leave each effect once; the message that kills them is put aside', LONG, async () => {
    const { topic, group, path, publish, effects, read } = await openDesk(url)
    const ids = names('m', 40)
    await publish([...ids.slice(0, 10), 'killer', ...ids.slice(10)])
    // Once: what a process held comes again after ten seconds at the earliest.
    await workers('rocketmq-worker', [url, topic, group, path], { kills: 1 })
    const [parked] = await read(1)
    expect([parked?.keys, parked?.properties.get('onlyonce-reason')]).toEqual([
      ['killer'],
      expect.stringMatching(/started \d+ times/),
    ])
    await until('all took effect', async () => (await effects()).length >= ids.length, 120_000)
    expect((await effects()).toSorted()).toEqual(ids)
  })
})
