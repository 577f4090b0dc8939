import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../built.ts'
import { openKafka } from '../support/kafka.ts'
import { openNats } from '../support/nats.ts'
import { openRabbitmq } from '../support/rabbitmq.ts'
import { openRocketmq } from '../support/rocketmq.ts'
import type { RoundTrip } from '../support/round-trip.ts'
import { describeWithFresh, type Kind } from '../support/services.ts'

/** Three starts of a server in Java beside everything else that runs. */
const SLOW = { timeout: 240_000 }

interface Broker {
  readonly kind: Kind
  readonly open: (url: string, name: string) => Promise<RoundTrip>
  /** How long after the last answer the broker may be killed. */
  readonly settleMs: number
  /** Whether an acknowledgement that was answered is on the disk. */
  readonly keepsAcks: boolean
}

const BROKERS: readonly Broker[] = [
  // Killed at once after the declaration of a quorum queue, it comes back with the queue empty.
  { kind: 'rabbitmq', open: openRabbitmq, settleMs: 5_000, keepsAcks: true },
  { kind: 'nats', open: openNats, settleMs: 0, keepsAcks: true },
  { kind: 'kafka', open: openKafka, settleMs: 0, keepsAcks: true },
  // An acknowledgement just before the kill is lost. The client that was shut down still holds a stream for a moment,
  // and throws out of any reach when that breaks.
  { kind: 'rocketmq', open: openRocketmq, settleMs: 2_000, keepsAcks: false },
]

for (const { kind, open, settleMs, keepsAcks } of BROKERS) {
  describeWithFresh(kind, (start) => {
    it(`keeps ${keepsAcks ? 'messages and acknowledgements' : 'messages'} when it is killed`, SLOW, async () => {
      await using broker = await ended(start())
      const name = `smoke-${randomUUID().slice(0, 8)}`
      const before = await open(broker.url, name)
      await before.publish('read before')
      expect(await before.receive()).toBe('read before')
      await before.publish('read after')
      await before.close()
      await pause(settleMs)
      const { pid } = broker.processes[0]!
      await broker.restart('immediate')
      expect(broker.processes[0]!.pid).not.toBe(pid)
      const after = await open(broker.url, name)
      const first = await after.receive()
      const again = !keepsAcks && first === 'read before'
      expect(again ? await after.receive() : first).toBe('read after')
      await after.close()
      await pause(settleMs)
    })
  })
}

describeWithFresh('rabbitmq', () => {
  it('ends with its owner, its port mapper too', SLOW, async () => {
    const launcher = JSON.stringify(join(root, 'services/launch.mjs'))
    const script = `const { launch } = await import(${launcher})
      const { dir, processes, helpers } = await launch('rabbitmq')
      console.log(JSON.stringify({ dir, ports: [...processes, ...helpers].map(({ port }) => port) }))
      setInterval(() => {}, 1000)`
    const owner = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const told = await new Promise<string>((resolve) => owner.stdout.once('data', (data) => resolve(String(data))))
    const { dir, ports } = JSON.parse(told) as { dir: string; ports: number[] }
    expect(await Promise.all(ports.map(isOpen))).toEqual([true, true])
    owner.kill('SIGKILL')
    for (const end = Date.now() + 20_000; existsSync(dir) && Date.now() < end; ) await pause(50)
    expect(existsSync(dir)).toBe(false)
    expect(await Promise.all(ports.map(isOpen))).toEqual([false, false])
  })
})

/** Stopped at the end of the test, however that ends. */
async function ended<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T & AsyncDisposable> {
  const service = await starting
  return Object.assign(service, { [Symbol.asyncDispose]: () => service.stop() })
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const isOpen = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => answer(true)).on('error', () => answer(false))
    const answer = (open: boolean) => {
      socket.destroy()
      resolve(open)
    }
  })
