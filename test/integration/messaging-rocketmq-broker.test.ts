import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { bundled } from '../support/bundle.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWithFresh } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { keep, openDesk } from './rocketmq-helpers.ts'

const LONG = { timeout: 240_000 }

describeWithFresh('rocketmq', (start) => {
  it('goes on after the broker was silent, and after it was killed, and every effect is there once', LONG, async () => {
    const broker = keep(await start(), (one) => one.stop())
    const { topic, group, path, producer, publish, effects } = await openDesk(broker.url)
    const ids = Array.from({ length: 90 }, (_, i) => `slow${i + 100}`)
    await publish(ids)
    // A client that meets the end of its broker throws out of any reach, so none is left in this process.
    await producer.shutdown()
    await sleepMs(2_000)
    const worker = await bundled('test/integration/rocketmq-worker.ts')
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const
    const child = spawn(process.execPath, [worker, broker.url, topic, group, path], { stdio: [...stdio] })
    tidily(child, (one) => one.kill('SIGKILL'))
    const heard: { verb: string; reason: string }[] = []
    let stopped = false
    child.on('message', (message) => {
      if (message === 'stopped') stopped = true
      else heard.push(message as (typeof heard)[number])
    })
    // The ledger is not asked: whoever asks it keeps the worker from writing.
    const settled = () => new Set(heard.filter(({ verb }) => verb === 'settled').map(({ reason }) => reason)).size
    await until('some took effect', () => settled() > 5)
    broker.processes[0]!.pause()
    await until('the silence is noticed', () => heard.some(({ verb }) => verb !== 'settled'))
    broker.processes[0]!.resume()
    const before = settled()
    expect(before).toBeLessThan(ids.length)
    await until('it goes on', () => settled() > before + 2)
    await broker.restart('immediate')
    expect(settled()).toBeLessThan(ids.length)
    const isSettled = (id: string) => heard.some(({ verb, reason }) => verb === 'settled' && reason === id)
    await until('all took effect', () => ids.every(isSettled), 120_000)
    expect((await effects()).toSorted()).toEqual(ids)
    expect(heard.filter(({ verb }) => verb === 'uncaught')).toEqual([])
    child.send('stop')
    await until('it stops in order', () => stopped, 30_000)
  })
})
