import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { bundled } from '../support/bundle.ts'
import { later } from '../support/leftovers.ts'
import { newPrefix } from '../support/redis.ts'
import { describeWith } from '../support/services.ts'

const PROCESSES = 3
const CALLERS = 34

describeWith('redis', (url) => {
  it('of 100 concurrent calls from 3 processes one runs the effect, and all get its answer', async () => {
    const worker = await bundled('test/integration/redis-worker.ts')
    const prefix = newPrefix()
    const client = new Redis(url)
    later(() => client.disconnect())
    for (let round = 0; round < 3; round++) {
      const children = Array.from({ length: PROCESSES }, () =>
        spawn(process.execPath, [worker, url, prefix, `key-${round}`, String(CALLERS)], {
          stdio: ['pipe', 'pipe', 'inherit'],
        }),
      )
      const lines = children.map(linesOf)
      for (const line of lines) expect((await line.next()).value).toBe('ready')
      for (const child of children) child.stdin?.end('go\n')
      const answers = await Promise.all(lines.map(async (line) => String((await line.next()).value)))
      const effects = await client.lrange(`${prefix}:effects`, 0, -1)
      expect(effects).toHaveLength(round + 1)
      const fence = Number(effects.at(-1)?.split(' ')[1])
      expect(answers).toEqual(Array(PROCESSES).fill(JSON.stringify([fence])))
    }
  }, 60_000)
})

function linesOf(child: ChildProcess): AsyncIterator<string> {
  if (child.stdout === null) throw new Error('no output')
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]()
}
