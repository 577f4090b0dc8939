import type { RequestHandler } from 'express'
import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/core/store.ts'
import { wayCases } from '../../src/testing/http-conformance/ways.ts'
import { type HttpHarness, httpCases, runHttpCase } from '../../src/testing/index.ts'
import { expressHarness } from './harness/express.ts'

const sound = expressHarness({ version: 5, json: 'after' })

/** Frees every key that is held when a client leaves. */
const freeing =
  (store: Store): RequestHandler =>
  (_req, res, next) => {
    res.on('close', async () => {
      if (res.writableFinished) return
      const { items } = await store.list({ state: 'running', limit: 100 })
      await store.forget(items.map(({ id }) => id))
    })
    next()
  }

/** Keeps from the guard that an answer has ended, once its client is gone. */
function deafened() {
  const left = new WeakSet<object>()
  const unheard: (() => void)[] = []
  const watch: RequestHandler = (req, res, next) => {
    req.socket.once('close', () => left.add(res))
    next()
  }
  const deaf: RequestHandler = (_req, res, next) => {
    const { end } = res
    res.end = (...args: never) => {
      if (!left.has(res)) return end.apply(res, args)
      unheard.push(() => end.apply(res, args))
      return res
    }
    next()
  }
  const tell = () => {
    for (const end of unheard) end()
  }
  return { before: [watch], after: [deaf], tell }
}

/** Leaves the length out, for which Node sends chunks. */
const chunked: RequestHandler = (_req, res, next) => {
  const { setHeader } = res
  res.removeHeader('content-length')
  res.setHeader = (name, value) => (name.toLowerCase() === 'content-length' ? res : setHeader.call(res, name, value))
  next()
}

const BROKEN: readonly { readonly what: string; readonly caughtBy: string; readonly serve: HttpHarness['serve'] }[] = [
  {
    what: 'frees the key of a client that left',
    caughtBy: 'a client that leaves before the record is durable leaves it to become so',
    serve: (spec) => expressHarness({ version: 5, json: 'after', before: [freeing(spec.once.store)] }).serve(spec),
  },
  {
    what: 'does not settle what nobody waits for any more',
    caughtBy: 'res.json: a duplicate gets the same answer',
    async serve(spec) {
      const { tell, ...around } = deafened()
      const server = await expressHarness({ version: 5, json: 'after', ...around }).serve(spec)
      return {
        ...server,
        async close() {
          tell()
          await server.close()
        },
      }
    },
  },
  {
    what: 'refuses at once who is to wait',
    caughtBy: 'who has waited long enough is refused with 409',
    serve: (spec) => sound.serve({ ...spec, options: { ...spec.options, waitMs: 1 } }),
  },
]

describe('the HTTP conformance suite', () => {
  it.concurrent.for(BROKEN)('notices an adapter that $what', { timeout: 60_000 }, async (broken, { expect }) => {
    const { caughtBy, serve } = broken
    const found = [...httpCases, ...wayCases(sound)].find(({ name }) => name === caughtBy)
    if (found === undefined) throw new Error(`there is no case ${caughtBy}`)
    await runHttpCase(found, sound)
    await expect(runHttpCase(found, { ...sound, serve })).rejects.toThrow()
  })

  it('takes an adapter that sends its answers in chunks', async () => {
    const { serve } = expressHarness({ version: 5, json: 'after', before: [chunked] })
    const found = httpCases.filter(({ group }) => group === 'replay')
    expect(found.length).toBeGreaterThan(3)
    for (const one of found) await runHttpCase(one, { ...sound, serve })
  })

  it('has cases with names of their own', () => {
    const names = httpCases.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })
})
