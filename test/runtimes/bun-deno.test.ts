import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { root } from '../built.ts'
import { describeWith } from '../support/services.ts'
import type { Told } from './inside.ts'
import { describeOn, ENV, STARTED } from './programs.ts'

/** A suite of some hundred cases on a loaded machine; one that hangs is noticed inside. */
const SUITE_MS = 5 * 60_000

const inside = join(import.meta.dirname, 'inside.ts')

for (const runtime of ['bun', 'deno'] as const) {
  describeOn(runtime, (binary) => {
    const passes = (suite: string, url = '') =>
      it(
        `passes the suite: ${suite}`,
        async () => {
          const args = [...STARTED[runtime], inside, suite, url]
          const { stdout } = await promisify(execFile)(binary, args, { cwd: root, env: ENV, maxBuffer: 2 ** 26 })
          const { passed, failed } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Told
          expect(failed).toEqual([])
          // As many as apply to the store that has the fewest.
          expect(passed).toBeGreaterThan(100)
        },
        SUITE_MS,
      )

    passes('memory')
    passes('sqlite')
    passes('fetch')
    passes('hono')
    describeWith('redis', (url) => {
      passes('ioredis', url)
      passes('node-redis', url)
    })
    describeWith('postgres', (url) => passes('postgres', url))
    describeWith('mysql', (url) => passes('mysql', url))
  })
}
