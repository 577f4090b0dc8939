import { randomBytes } from 'node:crypto'
import { onlyonce } from 'onlyonce'
import { openStore } from 'onlyonce/stores'
import type { Place } from './place.ts'
import { shopInFiles } from './sqlite.ts'

const FORGET_AT_ONCE = 10_000

/** Records in Redis, under a prefix of this run; business tables in files. No transaction spans both. */
export const redis: Place = {
  async makeRoom(given) {
    const prefix = `demo:${randomBytes(6).toString('hex')}`
    // If given twice, the last `prefix` counts.
    const url = `${given}${given.includes('?') ? '&' : '?'}prefix=${prefix}`
    const once = onlyonce({ store: await openStore(url), scope: 'demo' })
    try {
      await once('knock', async () => {})
    } finally {
      await once.store[Symbol.asyncDispose]()
    }
    return { url, name: `Redis, under ${prefix}`, remove: () => forgetAll(url) }
  },

  open: async (url, dir) => ({ ...shopInFiles(dir), records: await openStore(url) }),
}

/** The records would also expire by themselves, after a day. */
async function forgetAll(url: string): Promise<void> {
  await using store = await openStore(url)
  for (;;) {
    const { items } = await store.list({ limit: FORGET_AT_ONCE })
    if (items.length === 0) return
    await store.forget(items.map(({ id }) => id))
  }
}
