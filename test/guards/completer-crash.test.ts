import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { onlyonce } from '../../src/core/engine.ts'
import { completer } from '../../src/guards/completer.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { bundled } from '../support/bundle.ts'
import { openGateway, PLACES, pay } from './completer-gateway.ts'

let worker = ''

beforeAll(async () => {
  worker = await bundled('test/guards/completer-worker.ts')
})

describe.each(['keys', 'no keys'])('a payment whose process is killed, at a gateway with %s', (keys) => {
  it.each(PLACES.filter((place) => place !== 'never'))('(%s) ends by itself, and money moves once', async (place) => {
    const recognisesKeys = keys === 'keys'
    const directory = mkdtempSync(join(tmpdir(), 'onlyonce-payment-'))
    const store = sqliteStore({ path: join(directory, 'records.db'), durability: 'normal' })
    const gateway = openGateway(directory, recognisesKeys)
    try {
      const ran = spawnSync(process.execPath, [worker, directory, keys, place], { encoding: 'utf8' })
      expect(ran, ran.stderr).toMatchObject({ signal: 'SIGKILL' })
      expect(gateway.ledger().filter(({ what }) => what === 'capture')).toHaveLength(place === 'captured' ? 1 : 0)
      const once = onlyonce({ store, scope: 'payments' })
      let done = () => {}
      const completed = new Promise<void>((told) => {
        done = told
      })
      const running = completer({
        once,
        handlers: { payments: (op) => pay(op, gateway, recognisesKeys, () => {}) },
        everyMs: 50,
        onEvent: ({ type }) => (type === 'completed' ? done() : undefined),
      })
      running.start()
      await completed
      await running.stop()
      expect(gateway.ledger().map(({ what }) => what)).toEqual(['reserve', 'capture'])
      // The client that comes back at last hears what happened.
      const answer = await once({ key: 'order:1100', payload: { pence: 4200 } }, () => expect.fail('ran'))
      expect(answer).toMatchObject({ captured: expect.stringMatching(/^capture /) })
      await once.close()
    } finally {
      await store[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
