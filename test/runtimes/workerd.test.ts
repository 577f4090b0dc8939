import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { requireBuild, root } from '../built.ts'
import { describeWith } from '../support/services.ts'
import { describeOn } from './programs.ts'
import { type RunningWorker, startWorker } from './worker-process.ts'

beforeAll(requireBuild)

describeOn('workerd', (binary) => {
  it('loads every entry point', async () => {
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object }
    const names = Object.keys(exports).filter((name) => name !== './package.json')
    const lines = names.map((name, at) => `import * as m${at} from 'onlyonce${name.slice(1)}'`)
    const counts = names.map((_, at) => `Object.keys(m${at}).length`)
    const worker = await startWorker(
      binary,
      `${lines.join('\n')}\nexport default { fetch: () => Response.json([${counts}]) }`,
    )
    onTestFinished(worker.stop)
    const loaded = (await (await fetch(worker.url)).json()) as number[]
    expect(loaded.filter((count) => count > 0)).toHaveLength(names.length)
  })

  for (const kind of ['redis', 'postgres', 'mysql'] as const) {
    describeWith(kind, (url) => {
      guards('a worker with an engine for each request', () => startWorker(binary, EACH_REQUEST, url))
      guards('a durable object with one engine', () => startWorker(binary, ONE_OBJECT, url, ['Shop']))
    })
  }
})

const EACH_REQUEST = "export { default } from './worker.ts'"
const ONE_OBJECT = `export { Shop } from './worker.ts'
export default { fetch: (request, { Shop }) => Shop.get(Shop.idFromName('one')).fetch(request) }`

function guards(title: string, start: () => Promise<RunningWorker>): void {
  describe(title, () => {
    let worker: RunningWorker
    beforeAll(async () => {
      worker = await start()
    })
    afterAll(() => worker?.stop())

    const ask = (path: string, key: string, more: RequestInit = {}) =>
      fetch(worker.url + path, { method: 'POST', body: 'mug', headers: { 'idempotency-key': key }, ...more })
    const runs = async () => (await (await fetch(worker.url)).json()) as number
    const told = async (answer: Response) => ({
      status: answer.status,
      replayed: answer.headers.has('idempotency-replayed'),
      text: await answer.text(),
    })

    it.each(['/orders', '/later', '/streams'])('answers a repeat of %s with the first answer', async (path) => {
      const key = randomUUID()
      const first = await told(await ask(path, key))
      expect(first).toMatchObject({ status: 201, replayed: false })
      const before = await runs()
      expect(await told(await ask(path, key))).toEqual({ ...first, replayed: true })
      expect((await ask(path, key, { body: 'hat' })).status).toBe(422)
      expect(await runs()).toBe(before)
    })

    it('runs requests that come at once one time, and gives all of them its answer', async () => {
      const before = await runs()
      const key = randomUUID()
      const answers = await Promise.all(Array.from({ length: 10 }, async () => told(await ask('/later', key))))
      expect(await runs()).toBe(before + 1)
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
      expect(answers.filter(({ replayed }) => replayed)).toHaveLength(9)
    })

    it('runs a handler that threw again', async () => {
      const before = await runs()
      const key = randomUUID()
      for (const more of [1, 2]) {
        expect((await ask('/throws', key)).status).toBe(500)
        expect(await runs()).toBe(before + more)
      }
    })

    it('finishes what it does for a client that left', async () => {
      const before = await runs()
      const key = randomUUID()
      const client = new AbortController()
      const left = ask('/later', key, { signal: client.signal })
      await expect.poll(runs).toBe(before + 1)
      client.abort()
      await expect(left).rejects.toThrow()
      expect(await told(await ask('/later', key))).toMatchObject({ status: 201, replayed: true })
      expect(await runs()).toBe(before + 1)
    })
  })
}
