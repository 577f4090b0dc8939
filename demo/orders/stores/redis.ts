import { randomBytes } from 'node:crypto'
import { onlyonce } from 'onlyonce'
import { openStore } from 'onlyonce/stores'
import type { Place } from './place.ts'
import { shopInFiles } from './sqlite.ts'

const FORGET_AT_ONCE = 10_000

/** Records in Redis, under a prefix that no other run has; books in files. No transaction spans the two. */
export const redis: Place = {
  async makeRoom(given) {
    const prefix = `demo:${randomBytes(6).toString('hex')}`
    // The last one counts.
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

/** They would also expire by themselves, after a day. */
async function forgetAll(url: string): Promise<void> {
  await using store = await openStore(url)
  for (;;) {
    const { items } = await store.list({ limit: FORGET_AT_ONCE })
    if (items.length === 0) return
    await store.forget(items.map(({ id }) => id))
  }
}
